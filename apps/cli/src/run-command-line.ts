import { errorText } from '@everloop/service';
import { type Command, CommanderError } from 'commander';
import { exitCodeOf, exitCodes } from './errors.ts';

/**
 * Runs a command line and gives the exit code: 0 done, 1 failed, 2 bad input. Errors are written as lines that begin with their
 * code; a resource problem keeps its own `file:line:column` form so that editors find the place.
 */
export async function runCommandLine(
  program: Command,
  args: readonly string[],
  writeError: (line: string) => void,
): Promise<number> {
  let code: number = exitCodes.done;
  try {
    program.hook('postAction', (_program, action) => {
      const result: unknown = action.getOptionValue('exitCode');
      if (typeof result === 'number') code = result;
    });
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has written its own message; help and version are no errors.
      return error.exitCode === 0 ? exitCodes.done : exitCodes.badInput;
    }
    for (const line of errorLines(error)) writeError(line);
    return exitCodeOf(codeOf(error));
  }
}

/** How an error is shown: its lines, and its code where it helps to look it up. */
export function errorLines(error: unknown): string[] {
  const code = codeOf(error);
  const lines = errorText(error).split('\n');
  if (lines.length === 1) return [`${code}: ${lines[0] ?? ''}`];
  return [`${code}: ${lines.length} problems`, ...lines.map((line) => `  ${line}`)];
}

function codeOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : 'EVL_CLI_FAILED';
}
