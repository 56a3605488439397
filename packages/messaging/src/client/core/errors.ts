// How handling and sending fail.
import type { SchemaIssue } from "./schema.ts";

/** Thrown by a handler: this message will never succeed, so it goes to the dead letters without another attempt. */
export class Reject extends Error {
  override readonly name: string = "Reject";
}

/** The payload does not fit the schema, or is not what its content type says. */
export class InvalidPayload extends Reject {
  override readonly name = "InvalidPayload";
  readonly issues: readonly SchemaIssue[];

  constructor(issues: readonly SchemaIssue[]) {
    super(
      issues
        .map(({ path, message }) => (path === "" ? message : `${path}: ${message}`))
        .join("; ")
        .slice(0, 2000),
    );
    this.issues = issues;
  }
}

/** A message was not sent, or it is not known whether it was. */
export class SendError extends Error {
  override readonly name = "SendError";
  /**
   * `unroutable`: no queue took it; `refused`: the broker said no; `deadline`: it was not confirmed in time and may or may not
   * have arrived; `aborted`: its signal; `closed`: the producer was closed.
   */
  readonly kind: "unroutable" | "refused" | "deadline" | "aborted" | "closed";
  /** What would help. */
  readonly remedy: string;

  constructor(kind: SendError["kind"], message: string, remedy: string, options?: ErrorOptions) {
    super(`${message}; ${remedy}`, options);
    this.kind = kind;
    this.remedy = remedy;
  }
}
