// What clients hear when a webhook says no, or cannot be asked, in the words of kube-apiserver.
import { type Status, StatusError } from "../../../api/status.ts";
import type { GivenStatus } from "./review.ts";

/** A refusal whose code and reason are the webhook's own. */
class DeniedError extends StatusError {
  readonly #given: GivenStatus;

  constructor(message: string, given: GivenStatus) {
    super("BadRequest", message, given.details);
    this.#given = given;
  }

  override get code(): number {
    const { code = 0 } = this.#given;
    return code >= 400 && code < 600 ? code : 400;
  }

  override get status(): Status {
    const { reason: _, ...status } = super.status;
    const { reason } = this.#given;
    return { ...status, ...(reason !== undefined && { reason }), code: this.code };
  }
}

export function denied(webhook: string, given: GivenStatus = {}): StatusError {
  const by = `admission webhook ${JSON.stringify(webhook)} denied the request`;
  const { message = "", reason = "" } = given;
  const why = message === "" ? reason : message;
  return new DeniedError(why === "" ? `${by} without explanation` : `${by}: ${why}`, given);
}

/** A webhook that could not be asked, or whose answer cannot be used; `failurePolicy` says what then. */
export class CallError extends Error {
  constructor(webhook: string, why: string, options?: ErrorOptions) {
    super(`failed calling webhook ${JSON.stringify(webhook)}: ${why}`, options);
    this.name = "CallError";
  }
}

export function internalError(message: string): StatusError {
  return new StatusError("InternalError", `Internal error occurred: ${message}`, {
    causes: [{ reason: "InternalError", message }],
  });
}
