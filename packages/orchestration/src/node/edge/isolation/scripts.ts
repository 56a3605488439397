// The shell of namespaces: what holds a pod's, and what makes a container's root and starts its process there.
import type { Tools } from "./tools.ts";

/** Arguments: host name or nothing; commands for `ip -batch` or nothing; `pod` where processes of the pod have ids of their own. */
export function sandboxScript(tools: Tools): string {
  // In a user namespace the file of the name may not be written, elsewhere the program may be missing.
  return `
fail() { echo "!$*" >&3; exit 1; }
name=$1 network=$2 pid=$3
echo here >&3
read -r go <&3 || exit 1
if [ -n "$name" ]; then
  { echo "$name" >/proc/sys/kernel/hostname; } 2>/dev/null || ${tools.hostname} "$name" || fail "the host name cannot be set"
fi
if [ -n "$network" ]; then
  { echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet; } 2>/dev/null || fail "route_localnet cannot be set"
  why=$(printf %s "$network" | ${tools.ip} -batch - 2>&1) || fail "$why"
fi
cd /
echo ready >&3
exec 3>&-
[ "$pid" = pod ] || exec ${tools.sleep} infinity
# The first process of a pid namespace takes in those whose parents have ended: the shell waits for them, too.
while :; do ${tools.sleep} infinity; done
`;
}

/**
 * Runs as the first process of the container's pid namespace, so that signals do to the container what they do anywhere:
 * only the first process is spared those that it does not expect.
 * Arguments: the instance's folder, the working folder, \`ro\` or \`rw\`, then program and arguments.
 * - Descriptor 5 is the machine's /proc, where the process reads which number it has outside.
 * - Descriptors 3 and 4 come from the supervisor: where it is told who came, and the container's log.
 */
export function containerScript(tools: Tools): string {
  return `
fail() { echo "!$*" >&3; exit 125; }
trap : TERM INT HUP QUIT
exec 5</proc 6>"$1/pid"
cd "$1" || fail "no folder $1"
why=$(${tools.mount} --all --fstab fstab 2>&1) || fail "$why"
cd root && ${tools.pivotRoot} . . && ${tools.umount} -l . || fail "the root cannot be changed"
[ "$3" = rw ] || ${tools.mount} -o remount,bind,ro / || fail "the root cannot be made read-only"
cd "$2" || fail "no folder $2"
shift 3
${tools.setsid} /bin/sh -c '
read -r identity </proc/self/fd/5/self/stat
echo "$identity" >&6; echo "$identity" >&3
exec "$@" 2>&4 3>&- 4>&- 5>&- 6>&-' container "$@"
exit $?
`;
}
