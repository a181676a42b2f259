import { nearest, type features } from '@everloop/contracts';
import type { Command } from 'commander';
import { badInput } from '../errors.ts';
import { withFeatureStore } from '../feature-store-client.ts';
import { addresses } from '../options.ts';
import { table } from '../table.ts';
import { fullName, serviceOf, serviceTable, serviceText } from './services.ts';
import { addFinishCommand, addSubmitCommand } from './submit/command.ts';

/** What the commands work with. */
export interface FeaturesContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly print: (text: string) => void;
}

interface Options {
  readonly features?: string;
  readonly json: boolean;
}

/** `everloop features list|describe|submit|finish`. */
export function addFeaturesCommands(program: Command, { env, print }: FeaturesContext): void {
  const group = program.command('features').description('the features that there are, and how fresh they are');
  const describe = (options: Options, views: string[]): Promise<features.DescribeResponse> =>
    withFeatureStore(addresses(env, options).featuresAddress, (client) => client.features.describe({ views }));
  shared(group.command('list'))
    .description('show every feature view and every feature service')
    .action(async (options: Options) => {
      const { views, services } = await describe(options, []);
      if (options.json) print(JSON.stringify({ views, services }, null, 2));
      else print([viewTable(views), ...(services.length === 0 ? [] : [serviceTable(services)])].join('\n\n'));
    });
  shared(group.command('describe'))
    .description('show a feature view or a feature service with its features')
    .argument('<name>', 'name of the FeatureView, or of the FeatureService (name@version, or the newest)')
    .action(async (name: string, options: Options) => {
      const { views, services } = await describe(options, []);
      const view = views.find((each) => each.name === name);
      const service = view === undefined ? serviceOf(name, services) : undefined;
      if (service !== undefined) {
        print(options.json ? JSON.stringify(service, null, 2) : serviceText(service));
        return;
      }
      if (view === undefined) {
        const meant = nearest(name, [...views.map((each) => each.name), ...services.map(fullName)]);
        throw badInput(
          `there is no FeatureView or FeatureService "${name}"${meant === undefined ? '' : `; did you mean "${meant}"?`}`,
        );
      }
      print(options.json ? JSON.stringify(view, null, 2) : viewText(view));
    });
  addSubmitCommand(group, { env, print });
  addFinishCommand(group, { env, print });
}

function shared(command: Command): Command {
  return command
    .option('--features <address>', 'feature store, host:port (EVL_FEATURES_ADDRESS)')
    .option('--json', 'print JSON', false);
}

function viewTable(views: readonly features.DescribeResponse_View[]): string {
  if (views.length === 0) return 'no FeatureView is applied';
  return table(
    ['VIEW', 'ENTITY', 'FEATURES', 'SOURCE', 'RECORDS', 'NEWEST EVENT', 'TTL', 'OWNER'],
    views.map((view) => [
      ...[view.name, view.entity.map(({ name }) => name).join(', '), String(view.features.length), view.source],
      ...[
        view.records.toLocaleString('en-US'),
        time(view.newestEventMs),
        span(view.ttlMs),
        view.owner === '' ? '-' : view.owner,
      ],
    ]),
  );
}

function viewText(view: features.DescribeResponse_View): string {
  const facts: [string, string][] = [
    ['view', `${view.name}, revision ${view.revision}, digest ${view.digest.slice(0, 12)}`],
    ['description', view.description === '' ? '-' : view.description],
    ['owner', view.owner === '' ? '-' : view.owner],
    ['entity', view.entity.map(({ name, type }) => `${name} (${type})`).join(', ')],
    ['source', `${view.source}: ${view.records.toLocaleString('en-US')} records`],
    ['newest event', `${time(view.newestEventMs)}, newest known ${time(view.newestKnownMs)}`],
    ['ttl', `${span(view.ttlMs)}; older values are missing`],
    ...(view.hopMs > 0
      ? ([['hop', `${span(view.hopMs)}; a window begins at a multiple of it`]] satisfies [string, string][])
      : []),
  ];
  const rows = view.features.map((each) => [
    ...[each.name, each.type, each.function === 'newest' ? 'newest value' : each.function],
    ...[each.column === '' ? '-' : each.column, each.windowMs === 0 ? '-' : span(each.windowMs)],
  ]);
  return `${facts.map(([name, value]) => `${name.padEnd(14)}${value}`).join('\n')}\n\n${table(['FEATURE', 'TYPE', 'FUNCTION', 'COLUMN', 'WINDOW'], rows)}`;
}

function time(ms: number): string {
  return ms === 0 ? 'none' : new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
}

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

function span(ms: number): string {
  const unit = units.find(([, length]) => ms >= length && ms % length === 0);
  return unit === undefined ? `${ms}ms` : `${ms / unit[1]}${unit[0]}`;
}
