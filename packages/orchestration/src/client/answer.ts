// What a server's answer means: an object, or the refusal that it spells out (meta/v1 Status).
import { type Status, StatusError, type StatusReason } from "../api/status.ts";

/** The reason that stands for a code where an answer names none that is known. */
const reasonOfCode: Readonly<Record<number, StatusReason>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  405: "MethodNotAllowed",
  406: "NotAcceptable",
  409: "Conflict",
  410: "Expired",
  413: "RequestEntityTooLarge",
  415: "UnsupportedMediaType",
  422: "Invalid",
  429: "TooManyRequests",
  503: "ServiceUnavailable",
  504: "Timeout",
};
const known: ReadonlySet<string> = new Set([
  ...Object.values(reasonOfCode),
  "AlreadyExists",
  "Gone",
  "InternalError",
]);

/** @throws StatusError when it is a refusal */
export function objectOf(code: number, body: string): unknown {
  const value = parsed(body);
  if (code < 400 && value !== undefined) return value;
  const title = `the server answered with ${code}: ${body.slice(0, 200)}`;
  throw refusalOf(isStatus(value) ? value : { code, message: title });
}

/** The error that a `Status` was made from. */
export function refusalOf(
  status: Pick<Status, "code" | "reason" | "message" | "details">,
): StatusError {
  const { code, reason = "", message = "", details } = status;
  const isKnown = known.has(reason);
  const its = isKnown ? (reason as StatusReason) : (reasonOfCode[code] ?? "InternalError");
  return new StatusError(its, message, details);
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function isStatus(value: unknown): value is Status {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "Status";
}
