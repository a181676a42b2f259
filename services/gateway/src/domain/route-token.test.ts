import { inference } from '@everloop/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { textParameter } from './parameters.ts';
import { routeToken, stickyVersion, versionInToken, withRouteFields, withRouteHeaders } from './route-token.ts';

const request = (parameters: Record<string, string>): inference.ModelInferRequest => ({
  ...inference.ModelInferRequest.fromPartial({ modelName: 'delay' }),
  parameters: Object.fromEntries(Object.entries(parameters).map(([key, value]) => [key, textParameter(value)])),
});

describe('a route token', () => {
  it('names its version again', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z][a-z0-9_-]{0,20}$/), fc.integer({ min: 1 }), (model, version) => {
        expect(versionInToken(routeToken(model, String(version)), model)).toBe(String(version));
      }),
    );
  });

  it.each([
    ['Seldon, nested', ':iris_1::delay_2:', '2'],
    ['the last for the model counts', ':delay_1::delay_2:', '2'],
    ['another model', ':iris_1:', ''],
    ['a model whose name begins alike', ':delay_old_1:', ''],
    ['nothing', '', ''],
    ['no token', 'delay', ''],
    ['too long', `:delay_2:${':'.repeat(2_000)}`, ''],
  ])('%s', (_name, token, version) => {
    expect(versionInToken(token, 'delay')).toBe(version);
  });
});

describe('stickyVersion', () => {
  it.each([
    ['ours', { 'x-everloop-route': ':delay_2:' }, '2'],
    ['Seldon’s', { 'x-seldon-route': ':delay_3:' }, '3'],
    ['ours before Seldon’s', { 'x-everloop-route': ':delay_2:', 'x-seldon-route': ':delay_3:' }, '2'],
    ['none', {}, ''],
  ])('%s', (_name, parameters, version) => {
    expect(stickyVersion(request(parameters))).toBe(version);
  });
});

describe('withRouteHeaders', () => {
  const headers = new Map([
    ['x-seldon-route', ':delay_3:'],
    ['x-everloop-unit', 'u1'],
    ['other', 'x'],
  ]);

  it('takes what is known from metadata or headers, but never over a parameter', () => {
    const read = (key: string) => headers.get(key);
    expect(withRouteHeaders(request({}), read)).toEqual(request({ 'x-seldon-route': ':delay_3:', unit_id: 'u1' }));
    expect(withRouteHeaders(request({ unit_id: 'mine' }), read)).toEqual(
      request({ unit_id: 'mine', 'x-seldon-route': ':delay_3:' }),
    );
    const plain = request({});
    expect(withRouteHeaders(plain, () => undefined)).toBe(plain);
  });
});

describe('withRouteFields', () => {
  const nothing = { route: '', unit: '' };
  it.each([
    ['both from headers', nothing, { 'x-everloop-route': ':delay_2:', 'x-everloop-unit': 'u1' }, [':delay_2:', 'u1']],
    [
      'ours behind Seldon’s',
      nothing,
      { 'x-everloop-route': ':delay_2:', 'x-seldon-route': ':delay_3:' },
      [':delay_3::delay_2:', ''],
    ],
    [
      'never over what is there',
      { route: ':delay_1:', unit: 'u' },
      { 'x-everloop-route': ':delay_2:', 'x-everloop-unit': 'u1' },
      [':delay_1:', 'u'],
    ],
  ] as const)('%s', (_name, request, headers, [route, unit]) => {
    expect(withRouteFields(request, (key) => (headers as Record<string, string>)[key])).toEqual({ route, unit });
  });

  it('leaves a request without such headers as it is', () => {
    expect(withRouteFields(nothing, () => undefined)).toBe(nothing);
  });
});
