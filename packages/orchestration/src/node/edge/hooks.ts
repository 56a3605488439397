// Lifecycle hooks: what runs beside a container just after its start and before its end (core/v1 LifecycleHandler).
import type { LifecycleHandler } from "../../api/types.generated.ts";
import type { Clock } from "../../clock.ts";
import { type Answer, get, type ProbeTarget, runCommand } from "./probes.ts";

/** Never rejects. @param signal ends the hook before its time */
export async function runHook(
  hook: LifecycleHandler,
  target: ProbeTarget,
  clock: Clock,
  signal: AbortSignal,
): Promise<Answer> {
  const { exec, httpGet, sleep } = hook;
  try {
    if (exec !== undefined) return await runCommand(target.running, exec.command ?? [], signal);
    if (httpGet !== undefined) return await get(httpGet, target, signal);
    if (sleep !== undefined) await pause(sleep.seconds * 1000, clock, signal);
    return { ok: true, output: "" };
  } catch (error) {
    return { ok: false, output: error instanceof Error ? error.message : String(error) };
  }
}

function pause(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, resolve);
    const end = (): void => {
      cancel();
      resolve();
    };
    signal.addEventListener("abort", end, { once: true });
  });
}
