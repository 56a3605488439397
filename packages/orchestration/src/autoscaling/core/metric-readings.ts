// What an autoscaler knows of one metric: a figure for each pod, one for all, or why there is none.

/** Figures are in thousandths: of a core, of an octet, of whatever a metric counts. */
export interface PodReading {
  /** Undefined where nothing is known of the pod. */
  readonly milli: number | undefined;
  /** What the pod asks for, where a target is a share of it. */
  readonly requestMilli?: number;
  /** It does not work yet: what it uses says nothing. */
  readonly isStarting: boolean;
}

export type MetricReading =
  | { readonly kind: "pods"; readonly pods: readonly PodReading[] }
  | { readonly kind: "total"; readonly milli: number }
  | { readonly kind: "missing"; readonly reason: string; readonly message: string };
