// ScaledObject and TriggerAuthentication of keda.sh/v1alpha1, as far as they are acted on.
import type { Kind } from "../api/kinds.ts";
import type { KubeObject } from "../api/object.ts";
import type { HorizontalPodAutoscalerBehavior } from "../api/types.generated.ts";
import type { AnyCondition } from "../controllers/conditions.ts";

export interface TriggerSpec {
  readonly type: string;
  readonly name?: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly authenticationRef?: { readonly name: string; readonly kind?: string };
}

export interface ScaledObjectSpec {
  readonly scaleTargetRef: {
    readonly apiVersion?: string;
    readonly kind?: string;
    readonly name: string;
    readonly envSourceContainerName?: string;
  };
  readonly minReplicaCount?: number;
  readonly maxReplicaCount?: number;
  readonly idleReplicaCount?: number;
  /** Seconds. */
  readonly pollingInterval?: number;
  /** Seconds. */
  readonly cooldownPeriod?: number;
  /** Seconds. */
  readonly initialCooldownPeriod?: number;
  readonly fallback?: { readonly failureThreshold: number; readonly replicas: number };
  readonly advanced?: {
    readonly horizontalPodAutoscalerConfig?: {
      readonly behavior?: HorizontalPodAutoscalerBehavior;
    };
  };
  readonly triggers: readonly TriggerSpec[];
}

export interface ScaledObjectStatus {
  readonly scaleTargetKind?: string;
  readonly triggersTypes?: string;
  readonly authenticationsTypes?: string;
  readonly lastActiveTime?: string;
  readonly pausedReplicaCount?: number;
  readonly conditions?: readonly AnyCondition[];
}

export interface ScaledObject extends KubeObject {
  readonly spec: ScaledObjectSpec;
  readonly status?: ScaledObjectStatus;
}

interface TargetRef {
  readonly parameter: string;
  readonly name: string;
  readonly key: string;
}

export interface TriggerAuthentication extends KubeObject {
  readonly spec: {
    readonly secretTargetRef?: readonly TargetRef[];
    readonly configMapTargetRef?: readonly TargetRef[];
    readonly env?: readonly {
      readonly parameter: string;
      readonly name: string;
      readonly containerName?: string;
    }[];
  };
}

const keda = { group: "keda.sh", version: "v1alpha1", namespaced: true } as const;

export const scaledObjects: Kind<ScaledObject> = {
  ...keda,
  resource: "scaledobjects",
  kind: "ScaledObject",
};

export const triggerAuthentications: Kind<TriggerAuthentication> = {
  ...keda,
  resource: "triggerauthentications",
  kind: "TriggerAuthentication",
};
