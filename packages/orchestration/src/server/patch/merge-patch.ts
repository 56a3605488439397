// What becomes of a JSON value under a merge patch (RFC 7386).
import { type Fields, isMap } from "./schema-at.ts";

/**
 * Maps merge, null removes, anything else replaces. What the patch does not touch is shared with `current`.
 * @see RFC 7386 §2
 */
export function mergePatch(current: unknown, patch: unknown): unknown {
  if (!isMap(patch)) return patch;
  const merged = new Map<string, unknown>(isMap(current) ? Object.entries(current) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name);
    else merged.set(name, mergePatch(merged.get(name), value));
  }
  return Object.fromEntries(merged) satisfies Fields;
}
