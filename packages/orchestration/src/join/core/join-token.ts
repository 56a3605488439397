// The one argument a machine joins with, in the form of k3s' secure token: whom to trust, and who one is. `K10<hash of the authority>::<bootstrap token>`
import { parseBootstrapToken } from "../../server/auth/bootstrap-tokens.ts";
import { JoinError } from "./join-error.ts";

export interface JoinToken {
  /** SHA-256 of the authority's certificate (DER), 64 lower-case hex digits. */
  readonly authorityHash: string;
  readonly bootstrapToken: string;
}

const form = /^K10([0-9a-f]{64})::(\S+)$/;

export function joinTokenText({ authorityHash, bootstrapToken }: JoinToken): string {
  return `K10${authorityHash}::${bootstrapToken}`;
}

/** @throws JoinError that shows nothing of what was given */
export function parseJoinToken(text: string): JoinToken {
  const [, authorityHash, bootstrapToken = ""] = form.exec(text.trim()) ?? [];
  if (authorityHash === undefined || parseBootstrapToken(bootstrapToken) === undefined)
    throw new JoinError("token", "that is no token to join with: one begins with K10");
  return { authorityHash, bootstrapToken };
}
