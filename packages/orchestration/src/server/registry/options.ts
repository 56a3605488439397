// How a client wants something written or deleted.
import type { KubeObject } from "../../api/object.ts";
import type { UserInfo } from "./admission.ts";
import type { Preconditions, PropagationPolicy } from "./metadata.ts";

export interface WriteOptions {
  readonly dryRun?: boolean;
  /** What to do about fields that the schema does not know; default Strict. */
  readonly fieldValidation?: "Strict" | "Warn" | "Ignore";
  /** Hears warnings that the client is shown. */
  readonly warn?: (text: string) => void;
  /** Hears what admission adds to the audit of the request. */
  readonly annotate?: (key: string, value: string) => void;
  readonly user?: UserInfo;
  /** Who will own the fields that change (`fieldManager`); without one nobody does. */
  readonly manager?: string;
}

export interface ChangeOptions extends WriteOptions {
  /** Through `status` only the status changes, through any other the whole object may, since its handler knows what it does. */
  readonly subresource?: string;
  /** What is shown of an object to whoever has a say from outside: of a scale, the Scale. They cannot change it. */
  readonly seenAs?: (object: KubeObject) => KubeObject;
  /** The change has already brought `managedFields` up to date. */
  readonly keepsManagers?: boolean;
}

export interface DeleteOptions extends WriteOptions {
  readonly propagationPolicy?: PropagationPolicy;
  readonly gracePeriodSeconds?: number;
  readonly preconditions?: Preconditions;
}
