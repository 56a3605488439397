// Tokens to join with: secrets of type `bootstrap.kubernetes.io/token`, as kubeadm makes them (Kubernetes, "Authenticating with Bootstrap Tokens").
import { createHash, timingSafeEqual } from "node:crypto";
import { kinds } from "../../api/kinds.ts";
import type { Secret } from "../../api/types.generated.ts";
import type { UserInfo } from "../registry/admission.ts";
import type { Registry } from "../registry/registry.ts";
import { bootstrappersGroup } from "./node-user.ts";

export const bootstrapTokenType = "bootstrap.kubernetes.io/token";
export const bootstrapTokenNamespace = "kube-system";
const form = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;

export function bootstrapTokenName(id: string): string {
  return `bootstrap-token-${id}`;
}

/** @returns id and secret; undefined for what is no token of this form */
export function parseBootstrapToken(
  token: string,
): { readonly id: string; readonly secret: string } | undefined {
  const [, id, secret] = form.exec(token) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

/** When a token's secret says that it ends; undefined where it does not end. */
export function expirationMs({ data }: Secret): number | undefined {
  const text = decoded(data?.["expiration"]);
  return text === "" ? undefined : Date.parse(text);
}

export class BootstrapTokens {
  readonly #registry: () => Registry;
  readonly #now: () => number;

  constructor(registry: () => Registry, now: () => number) {
    this.#registry = registry;
    this.#now = now;
  }

  /** @returns undefined for what is no valid token */
  verify(token: string): UserInfo | undefined {
    const given = parseBootstrapToken(token);
    if (given === undefined) return undefined;
    const registry = this.#registry();
    const { group, version, resource } = kinds.secrets;
    const found = registry.peek(
      registry.resources.get(group, version, resource),
      bootstrapTokenNamespace,
      bootstrapTokenName(given.id),
    ) as Secret | undefined;
    if (found?.["type"] !== bootstrapTokenType || !this.#isValid(found, given.secret))
      return undefined;
    return {
      username: `system:bootstrap:${given.id}`,
      groups: [bootstrappersGroup, "system:authenticated"],
    };
  }

  #isValid(kept: Secret, secret: string): boolean {
    const { data = {} } = kept;
    const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
    const isSame = timingSafeEqual(digest(decoded(data["token-secret"])), digest(secret));
    const isForUse = decoded(data["usage-bootstrap-authentication"]) === "true";
    const untilMs = expirationMs(kept) ?? Infinity;
    return isSame && isForUse && this.#now() < untilMs; // a date that is none ends it, too
  }
}

function decoded(value: string | undefined): string {
  return Buffer.from(value ?? "", "base64").toString();
}
