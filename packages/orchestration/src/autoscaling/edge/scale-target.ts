// The workload that an autoscaler scales, whatever its kind: found by reference, read and written through its scale.
import type { Kind } from "../../api/kinds.ts";
import type { Resource } from "../../api/resource.ts";
import { StatusError } from "../../api/status.ts";
import type { CrossVersionObjectReference, Scale } from "../../api/types.generated.ts";
import type { Client } from "../../client/client.ts";

export interface ScaleTarget {
  readonly kind: Kind;
  readonly scale: Scale;
}

/** Which kinds there are now. */
export type Resources = () => readonly Resource[];

/** @throws StatusError NotFound for a workload or a kind that is not there */
export async function readScale(
  client: Client,
  resources: Resources,
  namespace: string | undefined,
  { apiVersion = "apps/v1", kind: name, name: object }: CrossVersionObjectReference,
): Promise<ScaleTarget> {
  const [first = "", second] = apiVersion.split("/");
  const [group, version] = second === undefined ? ["", first] : [first, second];
  const kind = resources().find(
    (each) => each.kind === name && each.group === group && each.version === version,
  );
  if (kind === undefined)
    throw new StatusError(
      "NotFound",
      `no matches for kind "${name}" in version "${apiVersion}"`,
      {},
    );
  return { kind, scale: (await client.getSubresource(kind, namespace, object, "scale")) as Scale };
}

/** Fails with Conflict when somebody else was quicker. */
export async function writeScale(
  client: Client,
  { kind, scale }: ScaleTarget,
  replicas: number,
): Promise<void> {
  await client.updateSubresource(kind, { ...scale, spec: { replicas } }, "scale");
}
