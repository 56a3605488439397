// Payload ⇄ body, by content type.
import { InvalidPayload } from "./errors.ts";

export interface Encoded {
  readonly body: Buffer;
  readonly contentType: string;
}

/** Octets go as they are, everything else as JSON. */
export function encode(payload: unknown): Encoded {
  if (payload instanceof Uint8Array) {
    return { body: Buffer.from(payload), contentType: "application/octet-stream" };
  }
  const text = JSON.stringify(payload);
  if (text === undefined) throw new TypeError(`a ${typeof payload} cannot be sent as JSON`);
  return { body: Buffer.from(text), contentType: "application/json" };
}

/**
 * JSON types are parsed, text is a string, everything else stays a Buffer. A body without a type is JSON if it can be read so.
 * @throws InvalidPayload when the body is not the JSON that its content type promises
 */
export function decode(body: Buffer, contentType: string | undefined): unknown {
  const [type = ""] = (contentType ?? "").toLowerCase().split(";");
  if (/^(application|text)\/(.+\+)?json\s*$/.test(type)) {
    try {
      return JSON.parse(body.toString());
    } catch (error) {
      const message = `the body is not JSON: ${(error as Error).message}`;
      throw new InvalidPayload([{ path: "", message }]);
    }
  }
  if (type.startsWith("text/")) return body.toString();
  if (type !== "") return body;
  try {
    return JSON.parse(body.toString());
  } catch {
    return body;
  }
}
