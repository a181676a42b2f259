import { resolveService, type features } from '@everloop/contracts';
import { table } from '../table.ts';

type Service = features.DescribeResponse_Service;

/** `<name>@<version>`. */
export function fullName({ name, version }: Pick<Service, 'name' | 'version'>): string {
  return `${name}@${version}`;
}

/** The newest version of this name, or exactly the one that is named. */
export function serviceOf(asked: string, services: readonly Service[]): Service | undefined {
  const found = resolveService(asked, services.map(fullName));
  return services.find((service) => fullName(service) === found);
}

/** One line for each version. */
export function serviceTable(services: readonly Service[]): string {
  return table(
    ['SERVICE', 'FEATURES', 'ON DEMAND', 'DIGEST', 'PINNED BY'],
    services.map((service) => [
      ...[fullName(service), String(service.features.length), String(service.onDemand.length)],
      ...[service.digest.slice(0, 12), service.models.length === 0 ? '-' : service.models.join(', ')],
    ]),
  );
}

/** Everything about a version. */
export function serviceText(service: Service): string {
  const { description, models, request, digest } = service;
  const facts: [string, string][] = [
    ['service', `${fullName(service)}, digest ${digest.slice(0, 12)}`],
    ['description', description === '' ? '-' : description],
    ['pinned by', models.length === 0 ? '-' : models.map((model) => `Model/${model}`).join(', ')],
    ['request', request.length === 0 ? '-' : request.map(({ name, type }) => `${name} (${type})`).join(', ')],
  ];
  const rows = [
    ...service.features.map((feature) => [feature, '-', '-']),
    ...service.onDemand.map(({ name, type, cel }) => [`onDemand.${name}`, type, cel]),
  ];
  const head = facts.map(([name, value]) => `${name.padEnd(14)}${value}`).join('\n');
  return `${head}\n\n${table(['FEATURE', 'TYPE', 'CEL'], rows)}`;
}
