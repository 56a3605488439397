// Rows of the kinds that keep pods running.
import type { KubeObject } from "../../api/object.ts";
import type {
  ControllerRevision,
  DaemonSet,
  Deployment,
  PodTemplateSpec,
  ReplicaSet,
  StatefulSet,
} from "../../api/types.generated.ts";
import {
  ageOf,
  type CellsOf,
  containerCells,
  labelsCell,
  nameOf,
  none,
  selectorCell,
} from "./cells.ts";

/** core/v1 ReplicationController, whose selector is of exact labels. */
type ReplicationController = KubeObject & {
  readonly spec: {
    readonly replicas?: number;
    readonly selector?: Readonly<Record<string, string>>;
    readonly template?: PodTemplateSpec;
  };
  readonly status?: ReplicaSet["status"];
};
type PodTemplate = KubeObject & { readonly template?: PodTemplateSpec };

export const workloadRows: Readonly<Record<string, CellsOf>> = {
  "apps/deployments": (deployment: Deployment, nowMs) => {
    const { spec, status } = deployment;
    return [
      nameOf(deployment),
      `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
      status?.updatedReplicas ?? 0,
      status?.availableReplicas ?? 0,
      ageOf(deployment, nowMs),
      ...containerCells(spec.template?.spec),
      selectorCell(spec.selector),
    ];
  },
  "apps/replicasets": (set: ReplicaSet, nowMs) => [
    ...replicaCells(set, nowMs),
    selectorCell(set.spec.selector),
  ],
  "/replicationcontrollers": (controller: ReplicationController, nowMs) => [
    ...replicaCells(controller, nowMs),
    labelsCell(controller.spec.selector),
  ],
  "apps/statefulsets": (set: StatefulSet, nowMs) => [
    nameOf(set),
    `${set.status?.readyReplicas ?? 0}/${set.spec.replicas ?? 0}`,
    ageOf(set, nowMs),
    ...containerCells(set.spec.template?.spec),
  ],
  "apps/daemonsets": (set: DaemonSet, nowMs) => {
    const { spec, status } = set;
    return [
      nameOf(set),
      status?.desiredNumberScheduled ?? 0,
      status?.currentNumberScheduled ?? 0,
      status?.numberReady ?? 0,
      status?.updatedNumberScheduled ?? 0,
      status?.numberAvailable ?? 0,
      labelsCell(spec.template?.spec?.nodeSelector),
      ageOf(set, nowMs),
      ...containerCells(spec.template?.spec),
      selectorCell(spec.selector),
    ];
  },
  "apps/controllerrevisions": (revision: ControllerRevision, nowMs) => [
    nameOf(revision),
    controllerCell(revision),
    revision.revision,
    ageOf(revision, nowMs),
  ],
  "/podtemplates": (template: PodTemplate) => [
    nameOf(template),
    ...containerCells(template.template?.spec),
    labelsCell(template.template?.metadata?.labels),
  ],
};

function replicaCells(set: ReplicaSet | ReplicationController, nowMs: number): ReturnType<CellsOf> {
  return [
    nameOf(set),
    set.spec.replicas ?? 0,
    set.status?.replicas ?? 0,
    set.status?.readyReplicas ?? 0,
    ageOf(set, nowMs),
    ...containerCells(set.spec.template?.spec),
  ];
}

/** `daemonset.apps/name`. */
function controllerCell({ metadata }: ControllerRevision): string {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
  if (owner === undefined) return none;
  const [group, version] = owner.apiVersion.split("/");
  const kind = version === undefined ? owner.kind : `${owner.kind}.${group}`;
  return `${kind.toLowerCase()}/${owner.name}`;
}
