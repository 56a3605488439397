// Who a request comes from: a client certificate of our authority, a service account's token, one to join with, or one of Warrener's own people.
import type { Guard } from "@warrener/access";
import type { UserInfo } from "../registry/admission.ts";
import type { BootstrapTokens } from "./bootstrap-tokens.ts";
import type { ServiceAccountTokens } from "./service-account-tokens.ts";

/** What a client presented. */
export interface Presented {
  /** Subject of a client certificate that our authority signed. */
  readonly certificate: { readonly CN?: unknown; readonly O?: unknown } | undefined;
  /** The header `Authorization`. */
  readonly authorization: string | undefined;
}

export interface Authenticator {
  /** @returns undefined when what was presented is not valid, or nothing was */
  authenticate(presented: Presented): Promise<UserInfo | undefined>;
}

const authenticated = "system:authenticated";

export function authenticator(
  tokens: ServiceAccountTokens,
  bootstrapTokens: BootstrapTokens,
  guard: Pick<Guard, "authenticate"> | undefined,
): Authenticator {
  return {
    async authenticate({ certificate, authorization }) {
      const bearer = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
      if (bearer === undefined) return certificate && userOfCertificate(certificate);
      const joiner = bootstrapTokens.verify(bearer);
      if (joiner !== undefined) return joiner;
      const account = await tokens.verify(bearer);
      if (account !== undefined) return account;
      const subject = guard?.authenticate({ secret: bearer });
      return subject && { username: subject.name, groups: [...subject.groups, authenticated] };
    },
  };
}

/** Common name and organizations (Kubernetes, "X509 client certificates"). */
function userOfCertificate({ CN, O }: { CN?: unknown; O?: unknown }): UserInfo | undefined {
  if (typeof CN !== "string" || CN === "") return undefined;
  const groups = (Array.isArray(O) ? O : [O]).filter((each) => typeof each === "string");
  return { username: CN, groups: [...groups, authenticated] };
}

export const anonymous: UserInfo = {
  username: "system:anonymous",
  groups: ["system:unauthenticated"],
};
