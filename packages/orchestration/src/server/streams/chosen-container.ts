// Which container of a pod a client means (Kubernetes, "kubectl.kubernetes.io/default-container").
import { StatusError } from "../../api/status.ts";
import type { Pod } from "../../api/types.generated.ts";

/** @param asked by name, or null @throws StatusError BadRequest when it is not told, or there is none of that name */
export function chosenContainer({ metadata, spec }: Pod, asked: string | null): string {
  const all = [
    ...spec.containers,
    ...(spec.initContainers ?? []),
    ...(spec.ephemeralContainers ?? []),
  ].map(({ name }) => name);
  const { name: pod = "" } = metadata;
  if (asked !== null && asked !== "") {
    if (all.includes(asked)) return asked;
    throw new StatusError("BadRequest", `container ${asked} is not valid for pod ${pod}`);
  }
  const byDefault = metadata.annotations?.["kubectl.kubernetes.io/default-container"];
  if (byDefault !== undefined && all.includes(byDefault)) return byDefault;
  const [only, ...others] = spec.containers.map(({ name }) => name);
  if (only !== undefined && others.length === 0) return only;
  const names = [only, ...others].join(" ");
  throw new StatusError(
    "BadRequest",
    `a container name must be specified for pod ${pod}, choose one of: [${names}]`,
  );
}
