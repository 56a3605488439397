// How those outside this process are asked about what is to be written, and only when they are to be asked.
import type { KubeObject } from "../../api/object.ts";
import type { Resource } from "../../api/resource.ts";
import type { AdmissionRequest, RemoteAdmission } from "./admission.ts";
import type { ChangeOptions } from "./options.ts";
import type { Draft } from "./preparation.ts";

/** Both ways give back undefined where nobody is asked: then nothing comes between reading and writing. */
export class Review {
  readonly #remote: RemoteAdmission | undefined;

  constructor(remote: RemoteAdmission | undefined) {
    this.#remote = remote;
  }

  /** @returns the object of a deletion, or of an act that is no write of its own, as they leave it */
  ofRequest(request: AdmissionRequest): Promise<KubeObject> | undefined {
    return this.#asked(
      request,
      (changed) => changed,
      (changed) => changed,
    );
  }

  /** @returns the object of a draft as they leave it, not yet completed */
  ofDraft(
    { request, refilled, completed }: Draft,
    { seenAs }: ChangeOptions,
  ): Promise<KubeObject> | undefined {
    const { resource, subresource, object, old } = request;
    if (!isWritable(resource, subresource)) return undefined;
    if (seenAs === undefined) return this.#asked(request, refilled, completed);
    const seen = { ...request, object: seenAs(object), old: old && seenAs(old) };
    if (this.#remote?.isAsked(seen) !== true) return undefined;
    return this.#remote.validate(seen).then(() => object);
  }

  #asked(
    request: AdmissionRequest,
    refilled: (object: KubeObject) => KubeObject,
    completed: (object: KubeObject) => KubeObject,
  ): Promise<KubeObject> | undefined {
    const remote = this.#remote;
    if (remote?.isAsked(request) !== true) return undefined;
    return remote.mutate(request, refilled).then(async (changed) => {
      await remote.validate({ ...request, object: completed(changed) });
      return changed;
    });
  }
}

/** Bindings and the like are acts of their own, and reviewed as such. */
function isWritable({ subresources }: Resource, subresource: string | undefined): boolean {
  if (subresource === undefined) return true;
  return subresources.some(({ name, verbs }) => name === subresource && verbs.includes("update"));
}
