// A short name for the content of a template: equal templates have equal hashes, in whatever order their fields stand.
import { isDeepStrictEqual } from "node:util";
import type { PodTemplateSpec } from "../../api/types.generated.ts";

export const podTemplateHashLabel = "pod-template-hash";

/** Letters and digits that spell no words, as generated names of Kubernetes use them. */
const alphabet = "bcdfghjklmnpqrstvwxz2456789";

/** FNV-1a, 32 bits, of the canonical JSON. @param salt makes another hash of the same value, when the first is taken */
export function hashOf(value: unknown, salt = 0): string {
  const text = canonicalJson(value) + (salt === 0 ? "" : String(salt));
  let hash = 0x811c9dc5;
  for (const octet of Buffer.from(text)) hash = Math.imul(hash ^ octet, 0x01000193) >>> 0;
  return safe(hash);
}

function safe(value: number): string {
  return Array.from(String(value), (digit) => alphabet[Number(digit) % alphabet.length]).join("");
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    typeof each === "object" && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}

/** Whether two templates ask for the same pods; the label that a Deployment adds does not count. */
export function isSameTemplate(
  a: PodTemplateSpec | undefined,
  b: PodTemplateSpec | undefined,
): boolean {
  return isDeepStrictEqual(withoutHash(a), withoutHash(b));
}

function withoutHash(template: PodTemplateSpec = {}): unknown {
  const { [podTemplateHashLabel]: _, ...labels } = template.metadata?.labels ?? {};
  return JSON.parse(canonicalJson({ ...template, metadata: { ...template.metadata, labels } }));
}
