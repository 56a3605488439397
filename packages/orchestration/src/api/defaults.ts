// What Kubernetes fills in where a manifest is silent (documented with each field of its API reference).
import type { KubeObject } from "./object.ts";

type Fields = Readonly<Record<string, unknown>>;
type Defaulter = (object: KubeObject) => KubeObject;

/** `given` over `defaults`: what is there wins, also where it is empty. */
function withDefaults(given: unknown, defaults: Fields): Fields {
  return { ...defaults, ...defined(given as Fields | undefined) };
}

function defined(fields: Fields = {}): Fields {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== null),
  );
}

function eachOf(list: unknown, change: (item: Fields) => Fields): unknown {
  return Array.isArray(list) ? list.map((item: Fields) => change(item)) : list;
}

/** Changes fields of `spec` where the object has one. */
function inSpec(change: (spec: Fields) => Fields): Defaulter {
  return (object) => ({ ...object, spec: change((object["spec"] as Fields | undefined) ?? {}) });
}

function probe(given: unknown): unknown {
  if (given === undefined || given === null) return given;
  const fields = withDefaults(given, {
    timeoutSeconds: 1,
    periodSeconds: 10,
    successThreshold: 1,
    failureThreshold: 3,
  });
  const http = fields["httpGet"];
  if (http === undefined) return fields;
  return { ...fields, httpGet: withDefaults(http, { path: "/", scheme: "HTTP" }) };
}

function container(given: Fields): Fields {
  const image = typeof given["image"] === "string" ? given["image"] : "";
  const tag = /:([^/]+)$/.exec(image)?.[1];
  const isLatest = !image.includes("@") && (tag === undefined || tag === "latest");
  const fields = withDefaults(given, {
    imagePullPolicy: isLatest ? "Always" : "IfNotPresent",
    resources: {},
    terminationMessagePath: "/dev/termination-log",
    terminationMessagePolicy: "File",
  });
  return defined({
    ...fields,
    ports: eachOf(fields["ports"], (port) => withDefaults(port, { protocol: "TCP" })),
    livenessProbe: probe(fields["livenessProbe"]),
    readinessProbe: probe(fields["readinessProbe"]),
    startupProbe: probe(fields["startupProbe"]),
    resources: requestsFromLimits(fields["resources"] as Fields),
  });
}

/** A limit without a request asks for as much. */
function requestsFromLimits(resources: Fields): Fields {
  const { limits, requests } = resources as { limits?: Fields; requests?: Fields };
  if (limits === undefined) return resources;
  return { ...resources, requests: { ...limits, ...requests } };
}

/** 0644, as Kubernetes mounts the files of config maps and secrets. */
const fileMode = 420;

function volume(given: Fields): Fields {
  const fields: Record<string, unknown> = { ...given };
  for (const source of ["configMap", "secret", "downwardAPI", "projected"]) {
    if (fields[source] !== undefined)
      fields[source] = withDefaults(fields[source], { defaultMode: fileMode });
  }
  if (fields["hostPath"] !== undefined)
    fields["hostPath"] = withDefaults(fields["hostPath"], { type: "" });
  return fields;
}

export function podSpecDefaults(given: Fields, restartPolicy = "Always"): Fields {
  const spec = withDefaults(given, {
    restartPolicy,
    dnsPolicy: "ClusterFirst",
    schedulerName: "default-scheduler",
    securityContext: {},
    terminationGracePeriodSeconds: 30,
  });
  return defined({
    ...spec,
    containers: eachOf(spec["containers"], container),
    initContainers: eachOf(spec["initContainers"], container),
    volumes: eachOf(spec["volumes"], volume),
    // The older name of the field is kept in step, as API servers do.
    serviceAccount: spec["serviceAccountName"],
  });
}

function template(given: unknown, restartPolicy?: string): Fields {
  const { spec, metadata, ...rest } = (given ?? {}) as { spec?: Fields; metadata?: Fields };
  return {
    ...rest,
    metadata: withDefaults(metadata, { creationTimestamp: null }),
    spec: podSpecDefaults(spec ?? {}, restartPolicy),
  };
}

const rolling = { maxSurge: "25%", maxUnavailable: "25%" };

function strategy(given: unknown): Fields {
  const fields = withDefaults(given, { type: "RollingUpdate" });
  if (fields["type"] !== "RollingUpdate") return fields;
  return { ...fields, rollingUpdate: withDefaults(fields["rollingUpdate"], rolling) };
}

function updateStrategy(given: unknown, rollingUpdate: Fields): Fields {
  const fields = withDefaults(given, { type: "RollingUpdate" });
  if (fields["type"] !== "RollingUpdate") return fields;
  return { ...fields, rollingUpdate: withDefaults(fields["rollingUpdate"], rollingUpdate) };
}

function jobSpec(given: Fields): Fields {
  const isIndexed = given["completionMode"] === "Indexed";
  const parallelism = given["parallelism"] ?? 1;
  const spec = withDefaults(given, {
    parallelism,
    ...(given["completions"] === undefined &&
      given["parallelism"] === undefined && { completions: 1 }),
    backoffLimit: isIndexed && given["backoffLimitPerIndex"] !== undefined ? 2 ** 31 - 1 : 6,
    completionMode: "NonIndexed",
    suspend: false,
    manualSelector: false,
    podReplacementPolicy:
      given["podFailurePolicy"] === undefined ? "TerminatingOrFailed" : "Failed",
  });
  return { ...spec, template: template(spec["template"]) };
}

/** A Job's pods are found by its uid, unless somebody picks them by hand (batch/v1, "manualSelector"). */
function withJobSelector(job: KubeObject): KubeObject {
  const { uid, name = "" } = job.metadata;
  const spec = job["spec"] as Fields & { template: { metadata?: Fields } };
  if (uid === undefined || spec["manualSelector"] === true || spec["selector"] !== undefined)
    return job;
  const { metadata = {} } = spec.template;
  const labels = {
    ...(metadata["labels"] as Fields | undefined),
    "batch.kubernetes.io/controller-uid": uid,
    "batch.kubernetes.io/job-name": name,
    "controller-uid": uid,
    "job-name": name,
  };
  const selector = { matchLabels: { "batch.kubernetes.io/controller-uid": uid } };
  const labelled = { ...spec.template, metadata: { ...metadata, labels } };
  return { ...job, spec: { ...spec, selector, template: labelled } };
}

function service(given: Fields): Fields {
  const type = given["type"] ?? "ClusterIP";
  const spec = withDefaults(given, {
    type,
    sessionAffinity: "None",
    ...(type !== "ExternalName" && {
      internalTrafficPolicy: "Cluster",
      ipFamilyPolicy: "SingleStack",
      ipFamilies: ["IPv4"],
    }),
    ...((type === "NodePort" || type === "LoadBalancer") && { externalTrafficPolicy: "Cluster" }),
    ...(type === "LoadBalancer" && { allocateLoadBalancerNodePorts: true }),
    ...(given["sessionAffinity"] === "ClientIP" && {
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 10_800 } },
    }),
  });
  const ports = eachOf(spec["ports"], (port) =>
    withDefaults(port, { protocol: "TCP", targetPort: port["port"] }),
  );
  return defined({ ...spec, ports });
}

/** Defaults by group and kind. */
export const defaultersByKind: Readonly<Record<string, Defaulter>> = {
  "/Pod": inSpec((spec) =>
    withDefaults(podSpecDefaults(spec), {
      enableServiceLinks: true,
      preemptionPolicy: "PreemptLowerPriority",
    }),
  ),
  "/Service": inSpec(service),
  "/Node": inSpec((spec) => spec),
  "/ResourceQuota": inSpec((spec) => spec),
  "/LimitRange": inSpec((spec) => spec),
  "policy/PodDisruptionBudget": inSpec((spec) => spec),
  "/Secret": (object) => ({ type: "Opaque", ...object }),
  "/Namespace": (object) => ({
    ...object,
    metadata: {
      ...object.metadata,
      labels: {
        ...object.metadata.labels,
        "kubernetes.io/metadata.name": object.metadata.name ?? "",
      },
    },
    spec: withDefaults(object["spec"], { finalizers: ["kubernetes"] }),
    status: withDefaults(object["status"], { phase: "Active" }),
  }),
  "/PersistentVolumeClaim": inSpec((spec) => withDefaults(spec, { volumeMode: "Filesystem" })),
  "/ReplicationController": inSpec((spec) => ({
    ...withDefaults(spec, { replicas: 1 }),
    template: template(spec["template"]),
  })),
  "apps/Deployment": inSpec((spec) => ({
    ...withDefaults(spec, {
      replicas: 1,
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
    }),
    strategy: strategy(spec["strategy"]),
    template: template(spec["template"]),
  })),
  "apps/ReplicaSet": inSpec((spec) => ({
    ...withDefaults(spec, { replicas: 1 }),
    template: template(spec["template"]),
  })),
  "apps/StatefulSet": inSpec((spec) => ({
    ...withDefaults(spec, {
      replicas: 1,
      revisionHistoryLimit: 10,
      podManagementPolicy: "OrderedReady",
      persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
    }),
    updateStrategy: updateStrategy(spec["updateStrategy"], { partition: 0 }),
    template: template(spec["template"]),
  })),
  "apps/DaemonSet": inSpec((spec) => ({
    ...withDefaults(spec, { revisionHistoryLimit: 10 }),
    updateStrategy: updateStrategy(spec["updateStrategy"], { maxSurge: 0, maxUnavailable: 1 }),
    template: template(spec["template"]),
  })),
  "batch/Job": (object) => withJobSelector(inSpec(jobSpec)(object)),
  "batch/CronJob": inSpec((spec) => {
    const { spec: job, ...rest } = (spec["jobTemplate"] ?? {}) as { spec?: Fields };
    return {
      ...withDefaults(spec, {
        concurrencyPolicy: "Allow",
        suspend: false,
        successfulJobsHistoryLimit: 3,
        failedJobsHistoryLimit: 1,
      }),
      jobTemplate: { metadata: { creationTimestamp: null }, ...rest, spec: cronJobSpec(job ?? {}) },
    };
  }),
  "scheduling.k8s.io/PriorityClass": (object) => ({
    preemptionPolicy: "PreemptLowerPriority",
    ...object,
  }),
  "rbac.authorization.k8s.io/RoleBinding": bindingDefaults,
  "rbac.authorization.k8s.io/ClusterRoleBinding": bindingDefaults,
};

/** A CronJob's template is defaulted when a Job is made of it, its pods' template at once. */
function cronJobSpec(given: Fields): Fields {
  return { ...given, template: template(given["template"]) };
}

function bindingDefaults(object: KubeObject): KubeObject {
  const subjects = eachOf(object["subjects"], (subject) =>
    subject["kind"] === "ServiceAccount"
      ? subject
      : withDefaults(subject, { apiGroup: "rbac.authorization.k8s.io" }),
  );
  const roleRef = withDefaults(object["roleRef"], { apiGroup: "rbac.authorization.k8s.io" });
  return { ...object, ...(subjects !== undefined && { subjects }), roleRef: roleRef };
}
