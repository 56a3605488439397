// Tells whoever watches the terminal when a service of ours has died, and when it is back.
import { type Client, kinds, type Pod } from "@warrener/orchestration";
import { systemNamespace } from "./system-pods.ts";

export function watchSystemPods(client: Client, say: (text: string) => void): void {
  const restarts = new Map<string, number>();
  const look = ({ metadata, status }: Pod): void => {
    const [container] = status?.containerStatuses ?? [];
    if (metadata.namespace !== systemNamespace || container === undefined) return;
    const { name, restartCount, lastState, state } = container;
    const before = restarts.get(name) ?? restartCount;
    if (state?.running === undefined) return;
    restarts.set(name, restartCount);
    if (restartCount <= before) return;
    const { exitCode, signal } = lastState?.terminated ?? {};
    const how = signal === undefined ? `exit code ${exitCode ?? "unknown"}` : `signal ${signal}`;
    say(`${name} ended (${how}), ${name} is back`);
  };
  client.watch(
    kinds.pods,
    { resourceVersion: "0" },
    { onEvent: ({ object }) => look(object), onEnd: () => undefined },
  );
}
