// Continue tokens of chunked lists: where to go on, and at which revision.
import { StatusError } from "../../api/status.ts";

interface Place {
  /** The last key that was given. */
  readonly after: string;
  /** Undefined goes on at whatever the newest is: what a client gets when its revision is no longer kept. */
  readonly revision: number | undefined;
}

export function writeContinue(place: Place): string {
  return Buffer.from(JSON.stringify(place)).toString("base64url");
}

/** @throws StatusError BadRequest for a token that is none of ours */
export function readContinue(token: string): Place {
  try {
    const { after, revision } = JSON.parse(Buffer.from(token, "base64url").toString()) as {
      after: unknown;
      revision: unknown;
    };
    if (typeof after === "string" && (typeof revision === "number" || revision === undefined))
      return { after, revision };
  } catch {
    // The same answer as for one of another shape.
  }
  throw new StatusError("BadRequest", "continue key is not valid");
}
