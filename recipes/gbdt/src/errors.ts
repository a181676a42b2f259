/** A job that cannot be done; the message says what to change. The trainer puts it into the job's reason. */
export class RecipeError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(`${code}: ${message}`);
    this.code = code;
  }
}
