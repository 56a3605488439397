// What a secret looks like, how it is compared, and how it is kept out of every record.
import { createHash, timingSafeEqual } from "node:crypto";

/** Gives `size` random bytes; tests pass their own. */
export type Random = (size: number) => Uint8Array;

export const tokenPrefix = "wrn_";
export const sessionPrefix = "wrs_";
const secretBytes = 24; // 192 bits
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const linkGroups = 5; // of four characters of five bits each: 100 bits, for one use within 15 minutes

/** An API token or session secret: prefix and 192 random bits in base64url, which a leak scanner recognises. */
export function mintSecret(prefix: string, random: Random): string {
  return prefix + Buffer.from(random(secretBytes)).toString("base64url");
}

/** A code that a person can read out: `7Q4M-2KXD-…` in Crockford's base 32, which has no I, L, O or U. */
export function mintLinkCode(random: Random): string {
  const symbols = Array.from(random(linkGroups * 4), (byte) => crockford[byte % 32]);
  return Array.from({ length: linkGroups }, (_, at) =>
    symbols.slice(at * 4, at * 4 + 4).join(""),
  ).join("-");
}

/** Forgives case, dashes, spaces, and the letters that Crockford reads as digits. */
export function normalizeLinkCode(code: string): string {
  return code.toUpperCase().replaceAll(/[-\s]/g, "").replaceAll("O", "0").replaceAll(/[IL]/g, "1");
}

/** All that is ever stored of a secret. Its 100 bits or more make a slow hash pointless. */
export function hashSecret(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}

/** Compares two hashes in a time that tells nothing about them. */
export function sameHash(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Blanks whatever looks like one of our secrets: a client may put its token where its name belongs. */
export function redactSecrets(text: string): string {
  return text
    .replaceAll(/\bwr[ns]_[\w-]{16,}/g, (found) => `${found.slice(0, 4)}[redacted]`)
    .replaceAll(/\b[0-9A-Z]{4}(?:-[0-9A-Z]{4}){4}\b/gi, "[redacted]");
}
