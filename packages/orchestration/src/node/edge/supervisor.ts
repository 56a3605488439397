// The few lines of shell that start a container's process and outlive the agent: they write down its pid, and how it ended.
import { constants } from "node:os";

/**
 * Waits for what starts the container's process; arguments: the instance's folder, then program and arguments.
 * - It waits for a line on descriptor 3: an agent that dies before has started nothing.
 * - Traps are reset in children, so SIGTERM to the group ends the process and not its supervisor.
 * - Its own remarks, such as "Terminated", are nobody's log.
 * - Whatever the process left behind in the group goes with it, the supervisor included.
 */
export const supervisorScript = `
folder=$1; shift
exec 4>&2 2>/dev/null
trap : TERM INT HUP QUIT
read -r go <&3 || exit 1
"$@"
code=$?
echo $code >"$folder/exit"
kill -KILL 0
`;

/**
 * Becomes a process of the machine, in the supervisor's own group; arguments: the instance's folder, then program and arguments.
 * The process keeps its pid through `exec`, so what is written down is its identity.
 */
export const processScript = `
if [ -r /proc/$$/stat ]; then read -r identity </proc/$$/stat; else identity=$$; fi
echo "$identity" >"$0/pid"; echo "$identity" >&3
exec "$@" 2>&4 3>&- 4>&-
`;

/** What a shell says of a process that a signal ended. */
export function exitCodeOf(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
}
