import { spawn, type ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';

/**
 * Ends the process groups it was told of when its standard input closes, that is when this process is gone, however it went:
 * a supervisor that is killed by force leaves no broker behind. POSIX shell, so that it costs under a megabyte.
 */
const script = `
groups=' '
while read -r op group; do
  case $op in
    +) groups="$groups$group " ;;
    -) groups="\${groups%% $group *} \${groups#* $group }" ;;
  esac
done
[ -z "\${groups# }" ] && exit 0
for group in $groups; do kill -TERM "-$group" 2>/dev/null; done
for group in $groups; do
  tries=0
  while kill -0 "-$group" 2>/dev/null && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
  kill -KILL "-$group" 2>/dev/null
done
`;

let shell: ChildProcess | null = null;

/** Has the process group ended together with this process. */
export function guard(group: number): void {
  if (shell === null) {
    shell = spawn('/bin/sh', ['-c', script], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    shell.on('error', () => undefined);
    shell.stdin?.on('error', () => undefined);
    shell.unref();
    const { stdin } = shell;
    // The pipe to it must not keep this process alive.
    if (stdin instanceof Socket) stdin.unref();
  }
  shell.stdin?.write(`+ ${group}\n`);
}

/** The group has ended by itself: its number may soon belong to others. */
export function unguard(group: number): void {
  shell?.stdin?.write(`- ${group}\n`);
}
