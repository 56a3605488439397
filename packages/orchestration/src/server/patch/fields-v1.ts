// Sets of fields in the form in which metadata.managedFields carries them (FieldsV1), and their algebra.
import { isMap } from "./schema-at.ts";

/**
 * A trie: `f:name` a field, `k:{"name":"a"}` an item of a keyed list, `v:"a"` an item of a set, `i:0` a position.
 * A path is in the set when it ends in an empty node, or in one that holds `.`; the root itself is never in it.
 * Sets are shared and never changed; an operation that changes nothing returns its first argument.
 * @see meta/v1 FieldsV1
 */
export interface FieldSet {
  readonly [element: string]: FieldSet;
}

export const noFields: FieldSet = {};

const itself = ".";

export function isEmpty(set: FieldSet): boolean {
  for (const _ in set) return false;
  return true;
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b || isEmpty(b)) return a;
  return isEmpty(a) ? b : unionOfNodes(a, b, false);
}

/** What is in `a` and not in `b`; what lies below a path of `b` stays. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  return isEmpty(a) || isEmpty(b) ? a : (differenceOfChildren(a, b, false) ?? noFields);
}

export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmpty(a) || isEmpty(b)) return noFields;
  return intersectionOfChildren(a, b, false) ?? noFields;
}

/** Whether a node's own path is in the set. */
export function isMember(node: FieldSet): boolean {
  return node[itself] !== undefined || isEmpty(node);
}

/** The parts of a node, by path element. */
export function partsOf(node: FieldSet): readonly (readonly [string, FieldSet])[] {
  return Object.entries(node).filter(([element]) => element !== itself);
}

/** @param parts path elements and what is in the set below them @returns undefined when the node says nothing */
export function nodeOf(
  parts: Readonly<Record<string, FieldSet>>,
  member: boolean,
): FieldSet | undefined {
  if (isEmpty(parts)) return member ? noFields : undefined;
  return member && parts[itself] === undefined ? { [itself]: noFields, ...parts } : parts;
}

/** Every path of the set as its elements, parents first. */
export function pathsOf(set: FieldSet): readonly (readonly string[])[] {
  return partsOf(set).flatMap(([element, node]) => [
    ...(isMember(node) ? [[element]] : []),
    ...pathsOf(node).map((path) => [element, ...path]),
  ]);
}

/** As causes of conflicts name it: `.spec.containers[name="a"].image`. */
export function pathText(path: readonly string[]): string {
  return path.map(elementText).join("");
}

/**
 * Reads a set that a client sent.
 * @returns undefined when it is none
 */
export function parseFieldsV1(value: unknown): FieldSet | undefined {
  if (!isMap(value)) return undefined;
  const parts: Record<string, FieldSet> = {};
  for (const [element, below] of Object.entries(value)) {
    const key = canonical(element);
    const node = parseFieldsV1(below);
    if (key === undefined || node === undefined) return undefined;
    parts[key] = node;
  }
  return parts;
}

/** The path element of a keyed list's item. */
export function keyElement(key: Readonly<Record<string, unknown>>): string {
  const inOrder = Object.entries(key).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `k:${JSON.stringify(Object.fromEntries(inOrder))}`;
}

function canonical(element: string): string | undefined {
  if (element === itself || element.startsWith("f:") || /^i:\d+$/.test(element)) return element;
  try {
    const value: unknown = JSON.parse(element.slice(2));
    if (element.startsWith("v:")) return `v:${JSON.stringify(value)}`;
    return element.startsWith("k:") && isMap(value) ? keyElement(value) : undefined;
  } catch {
    return undefined; // no path element that anybody writes
  }
}

function elementText(element: string): string {
  const rest = element.slice(2);
  if (element.startsWith("f:")) return `.${rest}`;
  if (element.startsWith("v:")) return `[=${rest}]`;
  if (element.startsWith("i:")) return `[${rest}]`;
  const key = JSON.parse(rest) as Readonly<Record<string, unknown>>;
  const fields = Object.entries(key).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return `[${fields.join(",")}]`;
}

function unionOfNodes(a: FieldSet, b: FieldSet, member: boolean): FieldSet {
  if (a === b) return a;
  let parts: Record<string, FieldSet> | undefined;
  for (const element in b) {
    const ours = a[element];
    const theirs = b[element] as FieldSet;
    const both =
      ours === undefined ? theirs : unionOfNodes(ours, theirs, isMember(ours) || isMember(theirs));
    if (both === ours) continue;
    parts ??= { ...a };
    parts[element] = both;
  }
  const isIn = member && a[itself] === undefined && !isEmpty(parts ?? a);
  return isIn ? { [itself]: noFields, ...(parts ?? a) } : (parts ?? a);
}

function differenceOfNodes(a: FieldSet, b: FieldSet): FieldSet | undefined {
  if (isEmpty(a)) return isMember(b) ? undefined : a;
  return differenceOfChildren(a, b, isMember(a) && !isMember(b));
}

function differenceOfChildren(a: FieldSet, b: FieldSet, member: boolean): FieldSet | undefined {
  const parts: Record<string, FieldSet> = {};
  let isSame = member === (a[itself] !== undefined);
  for (const [element, ours] of partsOf(a)) {
    const theirs = b[element];
    const left = theirs === undefined ? ours : differenceOfNodes(ours, theirs);
    if (left !== undefined) parts[element] = left;
    isSame &&= left === ours;
  }
  return isSame ? a : nodeOf(parts, member);
}

function intersectionOfChildren(a: FieldSet, b: FieldSet, member: boolean): FieldSet | undefined {
  const parts: Record<string, FieldSet> = {};
  for (const [element, ours] of partsOf(a)) {
    const theirs = b[element];
    if (theirs === undefined) continue;
    const both = intersectionOfChildren(ours, theirs, isMember(ours) && isMember(theirs));
    if (both !== undefined) parts[element] = both;
  }
  return nodeOf(parts, member);
}
