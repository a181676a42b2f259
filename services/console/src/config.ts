import { commonConfig, type ConfigSchema } from '@everloop/service';

export const configSchema = { ...commonConfig } as const satisfies ConfigSchema;
