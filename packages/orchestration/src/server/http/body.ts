// What a client sent, as an object: JSON, YAML or protobuf.
import type { IncomingMessage } from "node:http";
import { parseDocument } from "yaml";
import type { KubeObject } from "../../api/object.ts";
import { badRequest, StatusError } from "../../api/status.ts";
import { decodeKubernetesProtobuf } from "../wire/protobuf.ts";
import { duplicateFields } from "./duplicate-fields.ts";

/** As the real server limits bodies. */
const bodyBytesMax = 3 * 1024 * 1024;

const objectTypes = [
  "application/json",
  "application/yaml",
  "application/vnd.kubernetes.protobuf",
] as const;

export const patchTypes = [
  "application/json-patch+json",
  "application/merge-patch+json",
  "application/strategic-merge-patch+json",
  "application/apply-patch+yaml",
] as const;

export type PatchType = (typeof patchTypes)[number];

export interface Decoded {
  readonly value: unknown;
  /** What a strict decoder refuses although it can be read: fields that stand there twice. */
  readonly strictProblems: readonly string[];
}

/** @throws StatusError RequestEntityTooLarge, once more has come than is taken */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bodyBytesMax) {
      throw new StatusError(
        "RequestEntityTooLarge",
        `Request entity too large: limit is ${bodyBytesMax}`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** @throws StatusError UnsupportedMediaType, BadRequest */
export function decodeObject(contentType: string | undefined, body: Buffer): Decoded {
  const type = mediaType(contentType) ?? "application/json";
  switch (type) {
    case "application/json":
      return decodeJson(body);
    case "application/yaml":
      return decodeYaml(body);
    case "application/vnd.kubernetes.protobuf":
      return { value: decodeKubernetesProtobuf(body), strictProblems: [] };
    default:
      throw unsupported(objectTypes);
  }
}

/** @throws StatusError BadRequest when it is no object with a kind */
export function asObject(value: unknown): KubeObject {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw badRequest("the body is no object: send one with apiVersion, kind and metadata");
  const { apiVersion, kind, metadata } = value as Partial<KubeObject>;
  if (typeof kind !== "string" || kind === "")
    throw badRequest(`Object 'Kind' is missing in '${excerpt(value)}'`);
  if (typeof apiVersion !== "string" || apiVersion === "")
    throw badRequest(`Object 'apiVersion' is missing in '${excerpt(value)}'`);
  if (metadata === undefined || metadata === null)
    return { ...value, apiVersion, kind, metadata: {} };
  if (typeof metadata !== "object" || Array.isArray(metadata))
    throw badRequest("json: cannot unmarshal into field metadata of type object");
  return withoutNulls(value as KubeObject);
}

/** @throws StatusError UnsupportedMediaType, BadRequest */
export function decodePatch(
  contentType: string | undefined,
  body: Buffer,
): Decoded & { readonly type: PatchType } {
  const given = mediaType(contentType);
  const type = patchTypes.find((each) => each === given);
  if (type === undefined) throw unsupported(patchTypes);
  const decoded = type === "application/apply-patch+yaml" ? decodeYaml(body) : decodeJson(body);
  return { type, ...decoded };
}

/** null in metadata is as good as nothing: clients send `creationTimestamp: null`. */
function withoutNulls(object: KubeObject): KubeObject {
  const entries = Object.entries(object.metadata).filter(([, value]) => value !== null);
  return { ...object, metadata: Object.fromEntries(entries) };
}

function decodeJson(body: Buffer): Decoded {
  const text = body.toString("utf8");
  try {
    const value: unknown = JSON.parse(text);
    const twice = duplicateFields(text).map((path) => `duplicate field ${JSON.stringify(path)}`);
    return { value, strictProblems: twice };
  } catch (cause) {
    throw badRequest(`the body is not JSON: ${(cause as Error).message}`);
  }
}

/** More aliases than this are an attempt to make a small text a large object. */
const aliasesMax = 100;

function decodeYaml(body: Buffer): Decoded {
  const document = parseDocument(body.toString("utf8"), { version: "1.1", prettyErrors: true });
  const isTwice = (error: { code: string }): boolean => error.code === "DUPLICATE_KEY";
  const wrong = document.errors.find((error) => !isTwice(error));
  if (wrong !== undefined)
    throw badRequest(`error converting YAML to JSON: yaml: ${wrong.message}`);
  const strictProblems = document.errors.map(
    ({ linePos }) => `yaml: line ${linePos?.[0].line ?? "?"}: key already set in map`,
  );
  try {
    return { value: document.toJS({ maxAliasCount: aliasesMax }) as unknown, strictProblems };
  } catch (cause) {
    throw badRequest(`error converting YAML to JSON: yaml: ${(cause as Error).message}`);
  }
}

function mediaType(header: string | undefined): string | undefined {
  return header?.split(";", 1)[0]?.trim().toLowerCase();
}

function excerpt(value: object): string {
  return JSON.stringify(value).slice(0, 200);
}

function unsupported(types: readonly string[]): StatusError {
  return new StatusError(
    "UnsupportedMediaType",
    `the body of the request was in an unknown format - accepted media types include: ${types.join(", ")}`,
  );
}
