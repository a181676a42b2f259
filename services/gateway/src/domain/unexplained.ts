/** Why rows are logged without the attributions that they should have. */
export type UnexplainedReason = 'full' | 'no-golden-rows' | 'failed';
