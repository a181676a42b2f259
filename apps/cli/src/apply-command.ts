import { loadResources } from '@everloop/contracts';
import type { Command } from 'commander';
import { giveResources, type ApplyOutcome } from './apply.ts';
import { planChange, refuseOverBudget } from './monitor/change.ts';
import { monitorsOf, objectsFolder } from './monitor/command.ts';
import { planText } from './monitor/plan.ts';
import { addresses } from './options.ts';
import { table } from './table.ts';

/** What the command works with. */
export interface ApplyContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly print: (text: string) => void;
}

interface ApplyCommandOptions {
  readonly registry?: string;
  readonly objects?: string;
  readonly dryRun: boolean;
  readonly force: boolean;
  readonly acceptOverBudget: boolean;
}

/** `everloop apply`. */
export function addApplyCommand(program: Command, { env, print }: ApplyContext): void {
  program
    .command('apply')
    .description('check a folder of resources, show the plans of its Monitors, and give it to the registry')
    .argument('<folder>', 'folder with YAML resources, or one file')
    .option('--registry <address>', 'registry, host:port (EVL_REGISTRY_ADDRESS)')
    .option('--objects <folder>', 'object store that Monitors are planned from (EVL_OBJECT_STORE)')
    .option('--dry-run', 'check, and say what would change, but change nothing', false)
    .option('--accept-over-budget', 'let Monitors pass although nothing keeps their alarm budget', false)
    .option(
      '--force',
      'as --accept-over-budget, and let changes of Sources pass that their compatibility does not allow; the latter is recorded in the ledger',
      false,
    )
    .action(async (folder: string, options: ApplyCommandOptions) => {
      const { registryAddress } = addresses(env, options);
      const { force, dryRun, acceptOverBudget } = options;
      const { resources } = await loadResources(folder);
      const monitors = monitorsOf(resources);
      if (monitors.length > 0) {
        const would = await giveResources(resources, registryAddress, { force, dryRun: true });
        const plans = await planChange(monitors, would, { registryAddress, objects: objectsFolder(env, options) });
        for (const plan of plans) print(planText(plan));
        if (!force && !acceptOverBudget) refuseOverBudget(plans);
      }
      const { results, overridden } = await giveResources(resources, registryAddress, { force, dryRun });
      print(resultTable(results));
      for (const line of overridden) print(`let pass: ${line}`);
      const changed = results.filter((result) => result.change !== 'unchanged').length;
      const verb = dryRun ? 'would change' : 'applied';
      print(`${changed} ${verb}, ${results.length - changed} unchanged`);
    });
}

function resultTable(results: ApplyOutcome['results']): string {
  const rows = results.map(({ kind, name, revision, change }) => [`${kind}/${name}`, String(revision), change]);
  return table(['RESOURCE', 'REVISION', 'CHANGE'], rows);
}
