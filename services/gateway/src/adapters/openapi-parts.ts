/** Parts of an OpenAPI document that both APIs are described with. */

export const text = { type: 'string' };
export const integer = { type: 'integer' };
export const number = { type: 'number' };
export const boolean = { type: 'boolean' };
export const freely = { type: 'object', additionalProperties: true };

export function object(properties: object, required: readonly string[] = []): object {
  return { ...{ type: 'object', properties }, ...(required.length === 0 ? {} : { required }) };
}

export function list(items: object): object {
  return { type: 'array', items };
}

export function ref(name: string): object {
  return { $ref: `#/components/schemas/${name}` };
}

/** Content of media type JSON. */
export function json(schema: string): object {
  return { 'application/json': { schema: ref(schema) } };
}

const reasons: Readonly<Record<number, string>> = {
  400: 'The request is wrong; the text says all that is',
  404: 'There is no such model or version',
  413: 'The body is larger than EVL_GATEWAY_MESSAGE_BYTES_MAX',
  429: 'Too much is under way; ask again later',
  503: 'Not ready; ask again later',
  504: 'It took too long',
};

/** Responses by status: the answer and what it may be refused with, 400 and others. */
export function responses(summary: string, content: object, refused: readonly number[], errorSchema: string): object {
  const refusals = [400, ...refused].map((status): readonly [string, object] => [
    String(status),
    { description: reasons[status], content: json(errorSchema) },
  ]);
  return { '200': { description: summary, content }, ...Object.fromEntries(refusals) };
}

/** A part of the path. */
export function pathParameter(name: string): object {
  return { name, in: 'path', required: true, schema: text };
}
