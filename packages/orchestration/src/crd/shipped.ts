// Which CustomResourceDefinitions come with the control plane: those of well-known operators whose work is done here.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import { kinds } from "../api/kinds.ts";
import type { CustomResourceDefinition } from "../api/types.generated.ts";
import { type Client, change, isReason } from "../client/client.ts";
import { statusOf } from "./conditions.ts";
import { cleanupFinalizer } from "./controller.ts";

/** Which edition of ours a stored definition is. */
const digestAnnotation = "warrener.dev/shipped-definition";
const folder = new URL("../../data/definitions/", import.meta.url);

interface Edition {
  /** The definition's own name, which its file bears. */
  readonly name: string;
  readonly digest: string;
  readonly text: string;
}

function editions(): readonly Edition[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".yaml"))
    .toSorted()
    .map((file) => {
      const text = readFileSync(new URL(file, folder), "utf8");
      const digest = createHash("sha256").update(text).digest("base64url");
      return { name: file.slice(0, -".yaml".length), digest, text };
    });
}

function definitionOf({ text, digest }: Edition): CustomResourceDefinition {
  const definition = parse(text) as CustomResourceDefinition;
  const metadata = { ...definition.metadata, annotations: { [digestAnnotation]: digest } };
  return { ...definition, metadata };
}

/** In the order of their names. */
export function shippedDefinitions(): readonly CustomResourceDefinition[] {
  return editions().map(definitionOf);
}

/** Makes what is missing and renews what an earlier edition of ours made; a definition that somebody else brought stays. */
export async function shipDefinitions(client: Client): Promise<void> {
  await Promise.all(editions().map((edition) => ship(client, edition)));
}

async function ship(client: Client, edition: Edition): Promise<void> {
  const { customResourceDefinitions } = kinds;
  const there = await find(client, edition.name);
  if (there === undefined) return make(client, definitionOf(edition));
  await change(client, customResourceDefinitions, there, { status: false }, (current) => {
    const digest = current.metadata.annotations?.[digestAnnotation];
    // Parsed only where it is needed: most starts find everything as it is.
    if (digest === undefined || digest === edition.digest) return current;
    const { metadata, spec } = definitionOf(edition);
    const annotations = { ...current.metadata.annotations, ...metadata.annotations };
    return { ...current, metadata: { ...current.metadata, annotations }, spec };
  });
}

/** As the controller would accept it, but all of them with two syncs of the disk instead of two each. */
async function make(client: Client, definition: CustomResourceDefinition): Promise<void> {
  const { customResourceDefinitions } = kinds;
  const metadata = { ...definition.metadata, finalizers: [cleanupFinalizer] };
  const made = await client.create(customResourceDefinitions, { ...definition, metadata });
  const status = statusOf(made, {}, made.metadata.creationTimestamp ?? "");
  await change(client, customResourceDefinitions, made, { status: true }, (current) =>
    current.status?.conditions === undefined ? { ...current, status } : current,
  );
}

async function find(client: Client, name: string): Promise<CustomResourceDefinition | undefined> {
  try {
    return await client.get(kinds.customResourceDefinitions, undefined, name);
  } catch (error) {
    if (isReason(error, "NotFound")) return undefined;
    throw error;
  }
}
