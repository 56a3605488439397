// Every pod runs as a service account of its namespace, and gets its token and the authority to trust (Kubernetes, "ServiceAccount admission controller").
import { kinds } from "../../api/kinds.ts";
import type { KubeObject } from "../../api/object.ts";
import { StatusError } from "../../api/status.ts";
import type { Container, Pod, ServiceAccount, Volume } from "../../api/types.generated.ts";
import type { AdmissionPlugin } from "../registry/admission.ts";
import type { Registry } from "../registry/registry.ts";

const mountPath = "/var/run/secrets/kubernetes.io/serviceaccount";
/** Kubernetes' own figure: an hour, and a little so that renewals do not fall together. */
const tokenSeconds = 3607;
/** Annotation of pods that a node runs by itself, before there is anybody to ask. */
const mirror = "kubernetes.io/config.mirror";

/** @param registry asked at each pod; it need not exist yet when the plug-in is made */
export function serviceAccountAdmission(registry: () => Registry): AdmissionPlugin {
  return {
    name: "ServiceAccount",
    mutate({ operation, resource, subresource, object, namespace = "" }) {
      const isPod = resource.resource === "pods" && resource.group === "";
      if (!isPod || operation !== "CREATE" || subresource !== undefined) return object;
      const pod = object as Pod;
      if (pod.metadata.annotations?.[mirror] !== undefined) return object;
      const name = pod.spec.serviceAccountName ?? "default";
      const account = accountOf(registry(), namespace, name);
      if (account === undefined && name !== "default") throw notThere(pod, namespace, name);
      const named = {
        ...pod,
        spec: { ...pod.spec, serviceAccountName: name, serviceAccount: name },
      };
      const isMounted =
        pod.spec.automountServiceAccountToken ?? account?.automountServiceAccountToken ?? true;
      // The account `default` follows a namespace within moments; whoever comes before has no token.
      return isMounted && account !== undefined ? withToken(named, suffixOf(pod)) : named;
    },
  };
}

function accountOf(
  registry: Registry,
  namespace: string,
  name: string,
): ServiceAccount | undefined {
  const { group, version, resource } = kinds.serviceAccounts;
  const accounts = registry.resources.get(group, version, resource);
  return registry.peek(accounts, namespace, name);
}

function notThere({ metadata }: Pod, namespace: string, account: string): StatusError {
  const message = `error looking up service account ${namespace}/${account}: serviceaccount "${account}" not found`;
  const { name = "" } = metadata;
  return new StatusError("Forbidden", `pods "${name}" is forbidden: ${message}`, {
    name,
    kind: "pods",
  });
}

/** The end of the pod's uid: names that are new for each pod. */
function suffixOf({ metadata }: KubeObject): string {
  return (metadata.uid ?? "").replaceAll("-", "").slice(-5);
}

function withToken(pod: Pod, suffix: string): Pod {
  const containers = pod.spec.containers;
  if (containers.every(hasMount)) return pod;
  const name = `kube-api-access-${suffix}`;
  const mounted = (container: Container): Container =>
    hasMount(container)
      ? container
      : {
          ...container,
          volumeMounts: [...(container.volumeMounts ?? []), { name, mountPath, readOnly: true }],
        };
  const { initContainers, volumes = [] } = pod.spec;
  return {
    ...pod,
    spec: {
      ...pod.spec,
      containers: containers.map(mounted),
      ...(initContainers !== undefined && { initContainers: initContainers.map(mounted) }),
      // Somebody may have added a container since the volume came: it is the same one.
      volumes: volumes.some((it) => it.name === name) ? volumes : [...volumes, tokenVolume(name)],
    },
  };
}

function hasMount({ volumeMounts = [] }: Container): boolean {
  return volumeMounts.some((mount) => mount.mountPath === mountPath);
}

function tokenVolume(name: string): Volume {
  return {
    name,
    projected: {
      defaultMode: 0o644,
      sources: [
        { serviceAccountToken: { path: "token", expirationSeconds: tokenSeconds } },
        { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
        {
          downwardAPI: {
            items: [
              {
                path: "namespace",
                fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" },
              },
            ],
          },
        },
      ],
    },
  };
}
