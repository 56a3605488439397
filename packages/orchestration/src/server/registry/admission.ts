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
  readonly operation: "CREATE" | "UPDATE" | "DELETE" | "CONNECT";
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
  /** What the audit of the request is told beside what everybody sees. */
  readonly annotate: (key: string, value: string) => void;
}

/** Synchronous, so that nothing is written between a check and the write that it allows. */
export interface AdmissionPlugin {
  readonly name: string;
  /** Gives back the object, changed or as it is. */
  readonly mutate?: (request: AdmissionRequest) => KubeObject;
  /** @throws StatusError to refuse */
  readonly validate?: (request: AdmissionRequest) => void;
}

/** Whoever has a say from outside this process, and takes time for it. */
export interface RemoteAdmission {
  /** Whether anybody is to be asked; when nobody is, a request and its write stay one step. */
  isAsked(request: AdmissionRequest): boolean;
  /**
   * @param refilled what defaults and plug-ins make of an object that somebody outside has changed
   * @returns the object, changed or as it is
   */
  mutate(
    request: AdmissionRequest,
    refilled: (object: KubeObject) => KubeObject,
  ): Promise<KubeObject>;
  /** @throws StatusError to refuse */
  validate(request: AdmissionRequest): Promise<void>;
}
