import { loadResources, nearest, parseResource, type MonitorSpec, type TypedResource } from '@everloop/contracts';
import type { NamedMonitor } from '@everloop/drift';
import { type ConfigSchema, loadConfig } from '@everloop/service';
import { createObjectStore } from '@everloop/storage';
import type { Command } from 'commander';
import { badInput, exitCodes } from '../errors.ts';
import { addresses } from '../options.ts';
import { withRegistry } from '../registry-client.ts';
import { isOverBudget, planMonitor, planText, type MonitorPlan } from './plan.ts';

/** What the commands work with. */
export interface MonitorContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly print: (text: string) => void;
}

interface PlanOptions {
  readonly file?: string;
  readonly registry?: string;
  readonly objects?: string;
  readonly acceptOverBudget: boolean;
}

const schema = {
  objectStore: {
    env: 'EVL_OBJECT_STORE',
    type: 'string',
    default: '.everloop/objects',
    unit: 'folder',
    why: 'Baselines and histories of versions are read from here by digest, as the detector does.',
  },
} as const satisfies ConfigSchema;

/** The folder of the object store: from the options, else the environment, else where `npm start` has it. */
export function objectsFolder(env: MonitorContext['env'], { objects }: { readonly objects?: string }): string {
  return loadConfig('everloop', schema, {
    ...env,
    ...(objects === undefined ? {} : { EVL_OBJECT_STORE: objects }),
  }).objectStore;
}

/** The Monitors among resources. */
export function monitorsOf(resources: readonly TypedResource[]): readonly NamedMonitor[] {
  return resources.flatMap((resource) => {
    if (resource.kind !== 'Monitor') return [];
    const spec: MonitorSpec = resource.spec;
    return [{ name: resource.name, revision: resource.revision, spec }];
  });
}

/** Plans of Monitors from what the registry and the object store have of their models. Seconds a Monitor. */
export function planMonitors(
  monitors: readonly NamedMonitor[],
  registryAddress: string,
  objects: string,
): Promise<readonly MonitorPlan[]> {
  const store = createObjectStore(objects);
  return withRegistry(registryAddress, async (client) => {
    const plans: MonitorPlan[] = [];
    for (const monitor of monitors) {
      const { versions } = await client.listVersions({ model: monitor.spec.model });
      plans.push(await planMonitor(monitor, { versions, read: (digest) => store.get(digest) }));
    }
    return plans;
  });
}

async function asked(
  name: string | undefined,
  { file }: PlanOptions,
  registryAddress: string,
): Promise<readonly NamedMonitor[]> {
  const resources =
    file === undefined
      ? (await withRegistry(registryAddress, (client) => client.listResources({ kind: 'Monitor' }))).resources.map(
          (wire) => parseResource(wire),
        )
      : (await loadResources(file)).resources;
  const monitors = monitorsOf(resources);
  const chosen = name === undefined ? monitors : monitors.filter((monitor) => monitor.name === name);
  if (chosen.length > 0) return chosen;
  const where = file === undefined ? 'applied' : `in ${file}`;
  if (name === undefined) throw badInput(`no Monitor is ${where}`);
  const meant = nearest(
    name,
    monitors.map((monitor) => monitor.name),
  );
  throw badInput(`no Monitor "${name}" is ${where}${meant === undefined ? '' : `; did you mean "${meant}"?`}`);
}

/** `everloop monitor plan`. */
export function addMonitorCommands(program: Command, { env, print }: MonitorContext): void {
  const group = program.command('monitor').description('what Monitors will do');
  group
    .command('plan')
    .description('how often a Monitor would ask for retraining without cause, and how soon it would find a shift')
    .argument('[name]', 'of this Monitor; all of them without a name')
    .option('-f, --file <file>', 'plan Monitors of a file or folder of resources that is not applied yet')
    .option('--registry <address>', 'registry, host:port (EVL_REGISTRY_ADDRESS)')
    .option('--objects <folder>', 'object store (EVL_OBJECT_STORE)')
    .option('--accept-over-budget', 'exit with 0 although a plan is over its budget', false)
    .action(async (name: string | undefined, options: PlanOptions, command: Command) => {
      const { registryAddress } = addresses(env, options);
      const monitors = await asked(name, options, registryAddress);
      const plans = await planMonitors(monitors, registryAddress, objectsFolder(env, options));
      for (const plan of plans) print(planText(plan));
      const isOver = plans.some(isOverBudget) && !options.acceptOverBudget;
      if (isOver)
        print(
          'over budget: allow more (budget.falseRetrainings), match a season (reference.phase), make windows longer, watch fewer fields, or --accept-over-budget',
        );
      command.setOptionValue('exitCode', isOver ? exitCodes.failed : exitCodes.done);
    });
}
