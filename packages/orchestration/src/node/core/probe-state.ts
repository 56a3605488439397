// When a probe is due, and what its answers come to (core/v1 Probe).
import type { Container, Probe } from "../../api/types.generated.ts";

export const probeKinds = ["startup", "liveness", "readiness"] as const;
export type ProbeKind = (typeof probeKinds)[number];

export interface ProbeState {
  /** What the answers so far come to; thresholds decide, not single answers. */
  readonly verdict: "unknown" | "success" | "failure";
  /** Answers of the same kind in a row. */
  readonly inRow: { readonly ok: boolean; readonly count: number } | undefined;
  readonly isAsked: boolean;
  readonly nextAtMs: number;
}

export type ProbeStates = Readonly<Partial<Record<ProbeKind, ProbeState>>>;

export function probeOf(container: Container, kind: ProbeKind): Probe | undefined {
  if (kind === "startup") return container.startupProbe;
  return kind === "liveness" ? container.livenessProbe : container.readinessProbe;
}

/** The probes of a container that has just been started. */
export function freshProbes(container: Container, startedAtMs: number): ProbeStates {
  const states = probeKinds.flatMap((kind) => {
    const probe = probeOf(container, kind);
    if (probe === undefined) return [];
    const nextAtMs = startedAtMs + (probe.initialDelaySeconds ?? 0) * 1000;
    const state: ProbeState = { verdict: "unknown", inRow: undefined, isAsked: false, nextAtMs };
    return [[kind, state] as const];
  });
  return Object.fromEntries(states);
}

/** Whether the startup probe, where there is one, has succeeded. */
export function isStarted(probes: ProbeStates): boolean {
  return probes.startup === undefined || probes.startup.verdict === "success";
}

/** Which probes take part: the startup probe alone until it has succeeded, then the others. */
export function activeProbes(probes: ProbeStates): readonly ProbeKind[] {
  if (!isStarted(probes)) return ["startup"];
  return (["liveness", "readiness"] as const).filter((kind) => probes[kind] !== undefined);
}

export function asked(state: ProbeState): ProbeState {
  return { ...state, isAsked: true };
}

export function answered(
  state: ProbeState,
  probe: Probe,
  answer: { readonly ok: boolean; readonly nowMs: number },
): ProbeState {
  const { ok, nowMs } = answer;
  const count = state.inRow?.ok === ok ? state.inRow.count + 1 : 1;
  const threshold = (ok ? probe.successThreshold : probe.failureThreshold) ?? (ok ? 1 : 3);
  const verdict = count >= threshold ? (ok ? "success" : "failure") : state.verdict;
  const nextAtMs = nowMs + (probe.periodSeconds ?? 10) * 1000;
  return { verdict, inRow: { ok, count }, isAsked: false, nextAtMs };
}
