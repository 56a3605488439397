// A request as handlers see it: who asks, what for, with which options.

import { StatusError } from "../../api/status.ts";
import type { UserInfo } from "../registry/admission.ts";
import type { WriteOptions } from "../registry/options.ts";
import { isTrue, type ResourceRequest } from "../request-info.ts";

export interface ApiRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly user: UserInfo;
  /** @throws StatusError RequestEntityTooLarge */
  readonly body: () => Promise<Buffer>;
  /** Text that the client shows its user beside the answer. */
  readonly warn: (text: string) => void;
  /** What the audit of the request is told beside what everybody sees. */
  readonly annotate: (key: string, value: string) => void;
}

export interface ResourceApiRequest extends ApiRequest {
  readonly info: ResourceRequest;
}

export function header(request: ApiRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** @throws StatusError BadRequest for a value that an option does not know */
export function writeOptions(request: ApiRequest): WriteOptions {
  const { searchParams } = request.url;
  const dryRun = searchParams.get("dryRun");
  if (dryRun !== null && dryRun !== "" && dryRun !== "All")
    throw unsupportedOption("dryRun", dryRun, ["All"]);
  const fieldValidation = searchParams.get("fieldValidation") ?? "Warn";
  const modes = ["Strict", "Warn", "Ignore"] as const;
  const mode = modes.find((each) => each === fieldValidation);
  if (mode === undefined) throw unsupportedOption("fieldValidation", fieldValidation, modes);
  return {
    dryRun: dryRun === "All",
    fieldValidation: mode,
    warn: request.warn,
    annotate: request.annotate,
    user: request.user,
    manager: managerOf(request),
  };
}

const managerMax = 128;

/** Whoever does not say its name is named by its program (API concepts, "Field management"). */
function managerOf(request: ApiRequest): string {
  const given = request.url.searchParams.get("fieldManager") ?? "";
  const agent = header(request, "user-agent")?.split("/", 1)[0] ?? "";
  return (given === "" ? agent || "unknown" : given).slice(0, managerMax);
}

export function flag(request: ApiRequest, name: string): boolean {
  return isTrue(request.url.searchParams.get(name));
}

/** @throws StatusError BadRequest for what is no whole number of at least 0 */
export function count(request: ApiRequest, name: string): number | undefined {
  const value = request.url.searchParams.get(name);
  if (value === null || value === "") return undefined;
  if (/^\d{1,15}$/.test(value)) return Number(value);
  throw new StatusError("BadRequest", `${name}=${value} is no whole number of at least 0`);
}

function unsupportedOption(name: string, value: string, known: readonly string[]): StatusError {
  const supported = known.map((each) => JSON.stringify(each)).join(", ");
  const message = `Unsupported value: ${JSON.stringify(value)}: supported values: ${supported}`;
  return new StatusError("BadRequest", `${name}: ${message}`, {
    causes: [{ reason: "FieldValueNotSupported", message, field: name }],
  });
}
