import { registryMissing } from '../errors.ts';
import type { RegistryOf } from '../field-reader.ts';
import { createSchemaRegistry, type SchemaRegistry } from './client.ts';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Registries by URL, each made once. Credentials come from the environment only, and go to EVL_SCHEMA_REGISTRY_URL only: a Source
 * that names another host must not be given them. EVL_SCHEMA_REGISTRY_TOKEN, or EVL_SCHEMA_REGISTRY_USER and _PASSWORD.
 */
export function schemaRegistries(env: Env): RegistryOf {
  const known = new Map<string, SchemaRegistry>();
  const home = normal(env['EVL_SCHEMA_REGISTRY_URL'] ?? '');
  const authorization = authorizationOf(env);
  const timeoutMs = Number(env['EVL_SCHEMA_REGISTRY_TIMEOUT_MS'] ?? '5000');
  return (given, format) => {
    const url = normal(given ?? home);
    if (url === '') throw registryMissing(format);
    let registry = known.get(url);
    if (registry === undefined) {
      const isHome = url === home && authorization !== null;
      registry = createSchemaRegistry({ url, timeoutMs, ...(isHome ? { authorization } : {}) });
      known.set(url, registry);
    }
    return registry;
  };
}

function normal(url: string): string {
  return url.trim().replace(/\/+$/, '');
}

function authorizationOf(env: Env): string | null {
  const {
    EVL_SCHEMA_REGISTRY_TOKEN: token,
    EVL_SCHEMA_REGISTRY_USER: user,
    EVL_SCHEMA_REGISTRY_PASSWORD: password,
  } = env;
  if (token !== undefined && token !== '') return `Bearer ${token}`;
  if (user === undefined || user === '') return null;
  return `Basic ${Buffer.from(`${user}:${password ?? ''}`).toString('base64')}`;
}
