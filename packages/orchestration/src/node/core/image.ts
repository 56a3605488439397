// Which command an `image:` stands for: pods are local processes, so an image is a name for a program of this machine.
import type { Container, Pod } from "../../api/types.generated.ts";

export interface ImageSpec {
  readonly command: readonly string[];
  readonly args?: readonly string[];
  readonly workingDir?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What of the machine the program reads: shown, too, where containers have something else in its place, as in `/tmp`. */
  readonly reads?: readonly string[];
}

export type Images = Readonly<Record<string, ImageSpec>>;

/** Names a program for the pod's images that are not mapped, split at spaces. */
export const imageCommandAnnotation = "warrener.dev/image-command";
export const shellImage = "warrener/shell";

const shell: ImageSpec = { command: ["/bin/sh"] };

/** The pod asks for an image that is no program here: `ErrImagePull`. */
export class UnknownImageError extends Error {
  override readonly name = "UnknownImageError";
}

/** @throws UnknownImageError that says what to do about it */
export function imageOf(pod: Pod, { image = "" }: Container, images: Images): ImageSpec {
  const bare = image.replace(/@.*$/, "").replace(/:[^/:]*$/, "");
  const found = images[image] ?? images[bare] ?? (bare === shellImage ? shell : undefined);
  if (found !== undefined) return found;
  const command = pod.metadata.annotations?.[imageCommandAnnotation]?.trim();
  if (command) return { command: command.split(/\s+/) };
  throw new UnknownImageError(
    `image "${image}" stands for no program on this node: map it under "images:" in the configuration, ` +
      `or set the pod's annotation ${imageCommandAnnotation}, or use the image ${shellImage} with a command`,
  );
}

/** Program and arguments, before `$(NAME)` is replaced (Kubernetes "Define a command and arguments"). */
export function commandLine(container: Container, image: ImageSpec): readonly string[] {
  const { command = [], args } = container;
  if (command.length > 0) return [...command, ...(args ?? [])];
  return [...image.command, ...(args ?? image.args ?? [])];
}
