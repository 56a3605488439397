// Rolls a workload when a ConfigMap or Secret that its pods use changes, where an annotation asks for it.
import { createHash } from "node:crypto";
import { type Kind, kinds } from "../../api/kinds.ts";
import type { KubeObject } from "../../api/object.ts";
import type { PodSpec, PodTemplateSpec } from "../../api/types.generated.ts";
import { change } from "../../client/client.ts";
import { type Informer, keyOf, splitKey } from "../../client/informer.ts";
import { type Controller, type ControllerContext, itself, related } from "../runtime/controller.ts";
import { type ConfigReference, configReferences } from "./references.ts";

/** Set to "true" on a Deployment, StatefulSet or DaemonSet. */
const asks = "warrener.dev/roll-on-change";
/** On the pod template: another value is another template, so the workload rolls. */
const hashAnnotation = "warrener.dev/config-hash";

type Workload = KubeObject & { readonly spec: { readonly template: PodTemplateSpec } };

/** One controller for each kind of workload. */
export function rollControllers(context: ControllerContext): readonly Controller[] {
  return [
    rollController(context, kinds.deployments),
    rollController(context, kinds.statefulSets),
    rollController(context, kinds.daemonSets),
  ];
}

function rollController<T extends Workload>(context: ControllerContext, kind: Kind<T>): Controller {
  const { client, informers } = context;
  const workloads = informers.of(kind);
  const sources = {
    ConfigMap: informers.of(kinds.configMaps) as Informer<KubeObject>,
    Secret: informers.of(kinds.secrets) as Informer<KubeObject>,
  };

  /** Workloads of the same namespace that use what has changed. */
  const users = (object: KubeObject): readonly string[] =>
    workloads
      .list(object.metadata.namespace)
      .filter((workload) => isAsked(workload) && uses(workload.spec.template.spec, object))
      .map(keyOf);

  const hashOf = (
    namespace: string | undefined,
    references: readonly ConfigReference[],
  ): string => {
    const hash = createHash("sha256");
    for (const { kind: source, name } of references) {
      const object = sources[source].get(namespace, name);
      const { data, binaryData } = (object ?? {}) as { data?: unknown; binaryData?: unknown };
      hash.update(JSON.stringify([source, name, data, binaryData]));
    }
    return hash.digest("hex").slice(0, 16);
  };

  return {
    name: `${kind.resource}-roll-controller`,
    watches: [itself(kind), related(kinds.configMaps, users), related(kinds.secrets, users)],
    async reconcile(key) {
      const { namespace, name } = splitKey(key);
      const workload = workloads.get(namespace, name);
      if (workload === undefined || !isAsked(workload)) return undefined;
      const hash = hashOf(namespace, configReferences(workload.spec.template.spec));
      await change(client, kind, workload, { status: false }, (current) => withHash(current, hash));
      return undefined;
    },
  };
}

function isAsked({ metadata }: KubeObject): boolean {
  return metadata.annotations?.[asks] === "true" && metadata.deletionTimestamp === undefined;
}

function uses(spec: PodSpec | undefined, { kind, metadata }: KubeObject): boolean {
  return configReferences(spec).some((it) => it.kind === kind && it.name === metadata.name);
}

function withHash<T extends Workload>(workload: T, hash: string): T {
  const { template } = workload.spec;
  if (template.metadata?.annotations?.[hashAnnotation] === hash) return workload;
  const annotations = { ...template.metadata?.annotations, [hashAnnotation]: hash };
  const metadata = { ...template.metadata, annotations };
  return { ...workload, spec: { ...workload.spec, template: { ...template, metadata } } };
}
