// What has a say before something is written: each plug-in may change what comes, or refuse it.
import type { KubeObject } from "../../api/object.ts";
import type { Resource } from "../../api/resource.ts";

/** Who asks. */
export interface UserInfo {
  readonly username: string;
  readonly uid?: string;
  readonly groups: readonly string[];
}

export interface AdmissionRequest {
  readonly operation: "CREATE" | "UPDATE" | "DELETE";
  readonly resource: Resource;
  readonly subresource: string | undefined;
  readonly namespace: string | undefined;
  readonly name: string;
  /** As it would be written; of a deletion what goes. */
  readonly object: KubeObject;
  readonly old: KubeObject | undefined;
  /** Undefined for controllers of this process. */
  readonly user: UserInfo | undefined;
  readonly dryRun: boolean;
  readonly warn: (text: string) => void;
}

/** Synchronous, so that nothing is written between a check and the write that it allows. */
export interface AdmissionPlugin {
  readonly name: string;
  /** Gives back the object, changed or as it is. */
  readonly mutate?: (request: AdmissionRequest) => KubeObject;
  /** @throws StatusError to refuse */
  readonly validate?: (request: AdmissionRequest) => void;
}
