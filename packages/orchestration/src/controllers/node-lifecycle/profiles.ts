// How long a node may be silent, and what follows when.

export interface NodeLifecycleProfile {
  /** How often a node renews its lease. */
  readonly renewSeconds: number;
  /** Silence after which a node counts as lost. */
  readonly graceSeconds: number;
  /** How long pods that do not say otherwise stay bound to a lost node. */
  readonly evictionSeconds: number;
  /** How long after that a pod is removed that nobody can end; undefined: never. */
  readonly removalSeconds: number | undefined;
}

export const nodeLifecycleProfiles = {
  /** One site with a network that one can rely on: a replacement within 15 seconds. */
  "single-site": { renewSeconds: 3, graceSeconds: 8, evictionSeconds: 5, removalSeconds: 60 },
  kubernetes: {
    renewSeconds: 10,
    graceSeconds: 50,
    evictionSeconds: 300,
    removalSeconds: undefined,
  },
} as const satisfies Record<string, NodeLifecycleProfile>;

export const defaultNodeLifecycleProfile: NodeLifecycleProfile =
  nodeLifecycleProfiles["single-site"];
