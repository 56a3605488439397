// What becomes of an object under a JSON patch (RFC 6902), and which patches are refused.
import { isDeepStrictEqual } from "node:util";
import { applyPatch, type Operation, Pointer } from "rfc6902";
import { StatusError } from "../../api/status.ts";
import { isMap } from "./schema-at.ts";

const operationsMax = 10_000;
/** `copy` could double an object with every operation. */
const copiedCharactersMax = 3 * 1024 * 1024;
const arrayIndex = /^(0|[1-9]\d*)$/;

/**
 * @param patch as it was sent
 * @returns a new value; `current` stays as it is
 * @throws StatusError BadRequest when it is no patch, RequestEntityTooLarge, Invalid when an operation does not apply
 */
export function jsonPatch(current: unknown, patch: unknown): unknown {
  const operations = operationsOf(patch);
  const document: unknown = structuredClone(current);
  let copied = 0;
  for (const operation of operations) {
    if (operation.op === "copy") copied += charactersAt(document, operation.from);
    if (copied > copiedCharactersMax || !applies(document, operation)) throw doesNotApply();
  }
  return document;
}

function operationsOf(patch: unknown): readonly Operation[] {
  if (!Array.isArray(patch)) throw malformed(patch, "Patch");
  const wrong = patch.find((each) => !isMap(each));
  if (wrong !== undefined) throw malformed(wrong, "Operation");
  if (patch.length <= operationsMax) return patch;
  const why = `The allowed maximum operations in a JSON patch is ${operationsMax}, got ${patch.length}`;
  throw new StatusError("RequestEntityTooLarge", `Request entity is too large: ${why}`);
}

/** Applies one operation to the document, and says whether it could. */
function applies(document: unknown, operation: Operation): boolean {
  const { op, path } = operation;
  if (op === "test") {
    const found = valueAt(document, path);
    // Nothing there is null there, as long as there could be something.
    return found !== undefined && isDeepStrictEqual(found.value ?? null, operation.value ?? null);
  }
  const target = valueAt(document, path);
  if (target === undefined || (op === "replace" && target.value === undefined)) return false;
  if ("from" in operation && valueAt(document, operation.from)?.value === undefined) return false;
  const brought = "from" in operation ? valueAt(document, operation.from)?.value : operation;
  if (holdsPrototype(brought)) return false;
  return applyPatch(document, [operation])[0] === null;
}

/**
 * Walks a pointer over own fields and plain indexes alone: the library would also take `length` or a prototype for a place.
 * @returns undefined where nothing could stand, `{ value: undefined }` where something could be added
 */
function valueAt(document: unknown, path: unknown): { readonly value: unknown } | undefined {
  if (typeof path !== "string" || (path !== "" && !path.startsWith("/"))) return undefined;
  let value = document;
  for (const token of Pointer.fromJSON(path).tokens.slice(1)) {
    if (token === "__proto__") return undefined;
    if (Array.isArray(value)) {
      const index =
        token === "-" ? value.length : arrayIndex.test(token) ? Number(token) : Infinity;
      if (index > value.length) return undefined;
      value = value[index];
    } else if (isMap(value)) value = Object.hasOwn(value, token) ? value[token] : undefined;
    else return undefined;
  }
  return { value };
}

/** The library leaves such a field out without a word, so whoever brings one is refused; quotes inside strings are escaped. */
function holdsPrototype(value: unknown): boolean {
  return JSON.stringify(value).includes('"__proto__":');
}

function charactersAt(document: unknown, path: unknown): number {
  return JSON.stringify(valueAt(document, path)?.value ?? null).length;
}

function malformed(value: unknown, expected: "Patch" | "Operation"): StatusError {
  const found = Array.isArray(value) ? "array" : value === null ? "null" : typeof value;
  const message = `json: cannot unmarshal ${found} into Go value of type jsonpatch.${expected}`;
  return new StatusError("BadRequest", message);
}

/** kube-apiserver keeps to itself which operation it was. */
function doesNotApply(): StatusError {
  return new StatusError(
    "Invalid",
    "the server rejected our request due to an error in our request",
    {},
  );
}
