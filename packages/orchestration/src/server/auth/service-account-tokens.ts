// Tokens of service accounts: signed, short-lived, bound to the account and perhaps to one pod (KEP-1205, "bound service account tokens").
import { createHash, createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { errors, exportJWK, type JSONWebKeySet, jwtVerify, SignJWT } from "jose";
import type { UserInfo } from "../registry/admission.ts";

/** Of our tokens; also their audience where nobody asks for another: this server. */
export const issuer = "https://kubernetes.default.svc.cluster.local";

export interface BoundObject {
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

export interface TokenOrder {
  readonly namespace: string;
  readonly account: { readonly name: string; readonly uid: string };
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  readonly boundTo?: BoundObject;
}

/** Whether an account, or a pod that a token is bound to, is still the one of this uid. */
export type StillThere = (kind: string, namespace: string, name: string, uid: string) => boolean;

interface Claims {
  readonly "kubernetes.io"?: {
    readonly namespace?: string;
    readonly serviceaccount?: { readonly name: string; readonly uid: string };
    readonly pod?: { readonly name: string; readonly uid: string };
    readonly secret?: { readonly name: string; readonly uid: string };
  };
}

export class ServiceAccountTokens {
  readonly #key: KeyObject;
  readonly #publicKey: KeyObject;
  readonly #keyId: string;
  readonly #now: () => number;
  readonly #isThere: StillThere;

  /** @param key P-256, PKCS#8 PEM */
  constructor(key: string, now: () => number, isThere: StillThere) {
    this.#key = createPrivateKey(key);
    this.#publicKey = createPublicKey(this.#key);
    const der = this.#publicKey.export({ type: "spki", format: "der" });
    this.#keyId = createHash("sha256").update(der).digest("base64url");
    this.#now = now;
    this.#isThere = isThere;
  }

  async issue(
    order: TokenOrder,
  ): Promise<{ readonly token: string; readonly expiresAtMs: number }> {
    const { namespace, account, audiences, boundTo } = order;
    const issuedAt = Math.floor(this.#now() / 1000);
    const expiresAt = issuedAt + order.expirationSeconds;
    const bound = boundTo && {
      [boundTo.kind.toLowerCase()]: { name: boundTo.name, uid: boundTo.uid },
    };
    const token = await new SignJWT({
      "kubernetes.io": { namespace, serviceaccount: account, ...bound },
    })
      .setProtectedHeader({ alg: "ES256", kid: this.#keyId })
      .setIssuer(issuer)
      .setSubject(`system:serviceaccount:${namespace}:${account.name}`)
      .setAudience([...audiences])
      .setIssuedAt(issuedAt)
      .setNotBefore(issuedAt)
      .setExpirationTime(expiresAt)
      .sign(this.#key);
    return { token, expiresAtMs: expiresAt * 1000 };
  }

  /** @returns undefined for what is no valid token of ours, or whose account or pod is gone */
  async verify(token: string, audience = issuer): Promise<UserInfo | undefined> {
    try {
      const { payload } = await jwtVerify<Claims>(token, this.#publicKey, {
        algorithms: ["ES256"],
        issuer,
        audience,
        currentDate: new Date(this.#now()),
      });
      return this.#user(payload["kubernetes.io"]);
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined;
      throw error;
    }
  }

  /** The public key, as `/openid/v1/jwks` shows it. */
  async keys(): Promise<JSONWebKeySet> {
    const key = await exportJWK(this.#publicKey);
    return { keys: [{ ...key, use: "sig", alg: "ES256", kid: this.#keyId }] };
  }

  #user(claims: Claims["kubernetes.io"]): UserInfo | undefined {
    const { namespace, serviceaccount: account, pod, secret } = claims ?? {};
    if (namespace === undefined || account === undefined) return undefined;
    const holds = (kind: string, it: { name: string; uid: string } | undefined): boolean =>
      it === undefined || this.#isThere(kind, namespace, it.name, it.uid);
    if (!holds("ServiceAccount", account) || !holds("Pod", pod) || !holds("Secret", secret))
      return undefined;
    return {
      username: `system:serviceaccount:${namespace}:${account.name}`,
      uid: account.uid,
      groups: [
        "system:serviceaccounts",
        `system:serviceaccounts:${namespace}`,
        "system:authenticated",
      ],
    };
  }
}
