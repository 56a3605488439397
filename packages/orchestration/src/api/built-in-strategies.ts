// The built-in kinds' own rules: defaults, what a new object must satisfy beyond its schema, what may not change, what can be selected by.
import { isDeepStrictEqual } from "node:util";
import { defaultersByKind } from "./defaults.ts";
import type { KubeObject } from "./object.ts";
import { priorityClassStrategy } from "./priority-class-rules.ts";
import type { Strategy } from "./resource.ts";
import type { StatusCause } from "./status.ts";
import { webhookStrategy } from "./webhook-rules.ts";

type Fields = Readonly<Record<string, unknown>>;

/** @returns the rules of a kind, empty where it has none */
export function strategyOf(group: string, kind: string): Strategy {
  const defaults = defaultersByKind[`${group}/${kind}`];
  return { ...(defaults && { defaults }), ...rulesByKind[`${group}/${kind}`] };
}

function specOf(object: KubeObject): Fields {
  return (object["spec"] ?? {}) as Fields;
}

function statusOf(object: KubeObject): Fields {
  return (object["status"] ?? {}) as Fields;
}

/** A scalar as a field selector writes it. */
function text(value: unknown): string {
  return typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value);
}

function required(field: string): StatusCause {
  return { reason: "FieldValueRequired", message: "Required value", field };
}

function unchangeable(field: string, what = "field is immutable"): StatusCause {
  return { reason: "FieldValueInvalid", message: `Invalid value: ${what}`, field };
}

/** A workload's selector must pick the pods of its own template. */
function selectorCauses(object: KubeObject): readonly StatusCause[] {
  const { selector, template } = specOf(object) as {
    selector?: { matchLabels?: Record<string, string>; matchExpressions?: readonly unknown[] };
    template?: { metadata?: { labels?: Record<string, string> } };
  };
  if (selector === undefined) return [required("spec.selector")];
  const wanted = Object.entries(selector.matchLabels ?? {});
  if (wanted.length === 0 && (selector.matchExpressions ?? []).length === 0) {
    const message = "Invalid value: empty selector is invalid for deployment";
    return [{ reason: "FieldValueInvalid", message, field: "spec.selector" }];
  }
  const labels = template?.metadata?.labels ?? {};
  if (wanted.every(([name, value]) => labels[name] === value)) return [];
  const message = `Invalid value: ${JSON.stringify(labels)}: \`selector\` does not match template \`labels\``;
  return [{ reason: "FieldValueInvalid", message, field: "spec.template.metadata.labels" }];
}

function selectorUnchanged(object: KubeObject, old: KubeObject): readonly StatusCause[] {
  const same = isDeepStrictEqual(specOf(object)["selector"], specOf(old)["selector"]);
  return same ? [] : [unchangeable("spec.selector")];
}

function containersCauses(object: KubeObject): readonly StatusCause[] {
  const containers = specOf(object)["containers"] as readonly Fields[] | undefined;
  if (containers === undefined || containers.length === 0) return [required("spec.containers")];
  const names = new Set<unknown>();
  return containers.flatMap((container, i) => {
    const field = `spec.containers[${i}]`;
    const causes: StatusCause[] = [];
    if (text(container["image"]) === "") causes.push(required(`${field}.image`));
    if (names.has(container["name"])) {
      const message = `Duplicate value: ${JSON.stringify(container["name"])}`;
      causes.push({ reason: "FieldValueDuplicate", message, field: `${field}.name` });
    }
    names.add(container["name"]);
    return causes;
  });
}

/** Of a pod's spec only these may change once it is created (core/v1 Pod, "pod updates"). */
function podUnchanged(object: KubeObject, old: KubeObject): readonly StatusCause[] {
  if (hasNewGate(object, old)) {
    const message = "Forbidden: only deletion is allowed, but found new scheduling gate";
    return [{ reason: "FieldValueForbidden", message, field: "spec.schedulingGates" }];
  }
  const same = isDeepStrictEqual(withoutChangeable(specOf(object)), withoutChangeable(specOf(old)));
  if (same) return [];
  const message =
    "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`," +
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations)," +
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
  return [{ reason: "FieldValueForbidden", message, field: "spec" }];
}

function hasNewGate(object: KubeObject, old: KubeObject): boolean {
  const gatesOf = (pod: KubeObject): readonly unknown[] =>
    ((specOf(pod)["schedulingGates"] ?? []) as readonly Fields[]).map(({ name }) => name);
  const before = gatesOf(old);
  return gatesOf(object).some((name) => !before.includes(name));
}

function withoutChangeable(spec: Fields): Fields {
  const withoutImage = (list: unknown): unknown =>
    (list as readonly Fields[] | undefined)?.map((container) => ({
      ...container,
      image: undefined,
    }));
  return {
    ...spec,
    activeDeadlineSeconds: undefined,
    // Gates are taken off one by one until the pod may be scheduled; new ones cannot be added.
    schedulingGates: undefined,
    tolerations: undefined,
    terminationGracePeriodSeconds: undefined,
    containers: withoutImage(spec["containers"]),
    initContainers: withoutImage(spec["initContainers"]),
  };
}

/** Secrets and config maps that say `immutable` keep their data. */
function dataUnchanged(object: KubeObject, old: KubeObject): readonly StatusCause[] {
  if (old["immutable"] !== true) return [];
  const fields = ["data", "binaryData", "stringData"] as const;
  const forbidden = (field: string): StatusCause => ({
    reason: "FieldValueForbidden",
    message: "Forbidden: field is immutable when `immutable` is set",
    field,
  });
  const changed = fields.filter((field) => !isDeepStrictEqual(object[field], old[field]));
  return [...(object["immutable"] === true ? [] : ["immutable"]), ...changed].map(forbidden);
}

function secretTypeUnchanged(object: KubeObject, old: KubeObject): readonly StatusCause[] {
  const causes = dataUnchanged(object, old);
  return object["type"] === old["type"] ? causes : [...causes, unchangeable("type")];
}

/** What clients write as text is stored as base64, as `data`. */
function secretDefaults(object: KubeObject): KubeObject {
  const { stringData, ...rest } = object as KubeObject & { stringData?: Record<string, string> };
  if (stringData === undefined) return { ...rest, type: rest["type"] ?? "Opaque" };
  const encoded = Object.entries(stringData).map(([name, value]) => [
    name,
    Buffer.from(value).toString("base64"),
  ]);
  const data = { ...(rest["data"] as object | undefined), ...Object.fromEntries(encoded) };
  return { ...rest, data, type: rest["type"] ?? "Opaque" };
}

/** Nobody has to be waited for where nothing runs (core/v1 Pod, "terminationGracePeriodSeconds"). */
function podGraceSeconds(pod: KubeObject, asked: number | undefined): number {
  const { nodeName = "", terminationGracePeriodSeconds = 30 } = specOf(pod) as {
    nodeName?: string;
    terminationGracePeriodSeconds?: number;
  };
  const { phase } = statusOf(pod);
  if (nodeName === "" || phase === "Succeeded" || phase === "Failed") return 0;
  return Math.max(0, asked ?? terminationGracePeriodSeconds);
}

/** Guaranteed, Burstable or BestEffort (Kubernetes, "Pod Quality of Service Classes"). */
function qosClass(pod: KubeObject): string {
  const { containers = [], initContainers = [] } = specOf(pod) as Partial<
    Record<
      "containers" | "initContainers",
      readonly { resources?: Readonly<Record<"requests" | "limits", Record<string, string>>> }[]
    >
  >;
  const all = [...containers, ...initContainers].map(({ resources }) => resources);
  const names = ["cpu", "memory"] as const;
  const isNothing = all.every((it) =>
    names.every((name) => it?.requests?.[name] === undefined && it?.limits?.[name] === undefined),
  );
  if (isNothing) return "BestEffort";
  const isAll = all.every((it) =>
    names.every((name) => {
      const limit = it?.limits?.[name];
      return limit !== undefined && (it?.requests?.[name] ?? limit) === limit;
    }),
  );
  return isAll ? "Guaranteed" : "Burstable";
}

function namespaceMarked(namespace: KubeObject): KubeObject {
  return { ...namespace, status: { ...statusOf(namespace), phase: "Terminating" } };
}

const wholeNumbers = [
  "replicas",
  "minReadySeconds",
  "revisionHistoryLimit",
  "parallelism",
  "completions",
  "backoffLimit",
];

function notNegative(object: KubeObject): readonly StatusCause[] {
  return wholeNumbers.flatMap((name) => {
    const value = specOf(object)[name];
    if (typeof value !== "number" || value >= 0) return [];
    const message = `Invalid value: ${value}: must be greater than or equal to 0`;
    return [{ reason: "FieldValueInvalid", message, field: `spec.${name}` }];
  });
}

const workload: Strategy = {
  validate: (object) => [...selectorCauses(object), ...notNegative(object)],
  validateUpdate: selectorUnchanged,
};

/** A definition's name is its plural and group, and exactly one version is stored (apiextensions/v1). */
function definitionCauses(definition: KubeObject): readonly StatusCause[] {
  const {
    group,
    names,
    versions = [],
  } = specOf(definition) as {
    group?: string;
    names?: { plural?: string };
    versions?: readonly { storage?: boolean }[];
  };
  const causes: StatusCause[] = [];
  const want = `${names?.plural ?? ""}.${group ?? ""}`;
  if (definition.metadata.name !== want) {
    const message = `Invalid value: ${JSON.stringify(definition.metadata.name)}: must be spec.names.plural+"."+spec.group`;
    causes.push({ reason: "FieldValueInvalid", message, field: "metadata.name" });
  }
  if (versions.filter(({ storage }) => storage === true).length !== 1) {
    const message = "Invalid value: must have exactly one version marked as storage version";
    causes.push({ reason: "FieldValueInvalid", message, field: "spec.versions" });
  }
  return causes;
}

/** Whoever may only change who is bound would have another role with it (rbac/v1, "roleRef"). */
function roleRefUnchanged(object: KubeObject, old: KubeObject): readonly StatusCause[] {
  if (isDeepStrictEqual(object["roleRef"], old["roleRef"])) return [];
  return [unchangeable("roleRef", `${JSON.stringify(object["roleRef"])}: cannot change roleRef`)];
}

const rulesByKind: Readonly<Record<string, Strategy>> = {
  "/Pod": {
    validate: containersCauses,
    validateUpdate: podUnchanged,
    initialStatus: (pod) => ({ phase: "Pending", qosClass: qosClass(pod) }),
    gracePeriodSeconds: podGraceSeconds,
    selectableFields: {
      "spec.nodeName": (pod) => text(specOf(pod)["nodeName"]),
      "spec.restartPolicy": (pod) => text(specOf(pod)["restartPolicy"]),
      "spec.schedulerName": (pod) => text(specOf(pod)["schedulerName"]),
      "spec.serviceAccountName": (pod) => text(specOf(pod)["serviceAccountName"]),
      "spec.hostNetwork": (pod) => text(specOf(pod)["hostNetwork"] ?? false),
      "status.phase": (pod) => text(statusOf(pod)["phase"]),
      "status.podIP": (pod) => text(statusOf(pod)["podIP"]),
      "status.nominatedNodeName": (pod) => text(statusOf(pod)["nominatedNodeName"]),
    },
  },
  "/Secret": {
    defaults: secretDefaults,
    validateUpdate: secretTypeUnchanged,
    selectableFields: { type: (secret) => text(secret["type"]) },
  },
  "/ConfigMap": { validateUpdate: dataUnchanged },
  "/PersistentVolumeClaim": { initialStatus: () => ({ phase: "Pending" }) },
  "/PersistentVolume": { initialStatus: () => ({ phase: "Pending" }) },
  "/Node": {
    // Whoever registers a node says at once what it has.
    initialStatus: (_, given) => given,
    selectableFields: {
      "spec.unschedulable": (node) => text(specOf(node)["unschedulable"] ?? false),
    },
  },
  "/Namespace": {
    whenMarked: namespaceMarked,
    selectableFields: { "status.phase": (namespace) => text(statusOf(namespace)["phase"]) },
  },
  "/Event": { selectableFields: eventFields("involvedObject", "source") },
  "events.k8s.io/Event": { selectableFields: eventFields("regarding", "deprecatedSource") },
  "apps/Deployment": workload,
  "apps/ReplicaSet": workload,
  "apps/DaemonSet": workload,
  "apps/StatefulSet": workload,
  "apiextensions.k8s.io/CustomResourceDefinition": { validate: definitionCauses },
  "admissionregistration.k8s.io/MutatingWebhookConfiguration": webhookStrategy({
    reinvocationPolicy: "Never",
  }),
  "admissionregistration.k8s.io/ValidatingWebhookConfiguration": webhookStrategy(),
  "rbac.authorization.k8s.io/RoleBinding": { validateUpdate: roleRefUnchanged },
  "rbac.authorization.k8s.io/ClusterRoleBinding": { validateUpdate: roleRefUnchanged },
  "scheduling.k8s.io/PriorityClass": priorityClassStrategy,
  "certificates.k8s.io/CertificateSigningRequest": {
    validateUpdate: (object, old) =>
      isDeepStrictEqual(specOf(object), specOf(old)) ? [] : [unchangeable("spec")],
    selectableFields: {
      "spec.signerName": (request) => text(specOf(request)["signerName"]),
    },
  },
  "batch/Job": {
    validate: notNegative,
    selectableFields: { "status.successful": (job) => text(statusOf(job)["succeeded"] ?? 0) },
  },
};

function eventFields(about: string, source: string): NonNullable<Strategy["selectableFields"]> {
  const of =
    (field: string) =>
    (owner: unknown): string =>
      text((owner as Fields | undefined)?.[field]);
  const subject = [
    "kind",
    "namespace",
    "name",
    "uid",
    "apiVersion",
    "resourceVersion",
    "fieldPath",
  ];
  return {
    ...Object.fromEntries(
      subject.map((name) => [`${about}.${name}`, (event: KubeObject) => of(name)(event[about])]),
    ),
    reason: of("reason"),
    type: of("type"),
    reportingComponent: (event) =>
      text(event["reportingComponent"] ?? event["reportingController"]),
    source: (event) => of("component")(event[source]),
  };
}
