/** A definition that cannot work: EVL_FEATURES_* with what is wrong and what to change. Terminal: trying again does not help. */
export class FeatureError extends Error {
  override readonly name = 'FeatureError';
  readonly kind = 'terminal';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}
