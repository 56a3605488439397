// Why a machine could not join, so that whoever asked can be told what to do.

export type JoinProblem =
  /** Nobody answers there, or not with TLS. */
  | "unreachable"
  /** What answers there is not the cluster that the token is of. */
  | "untrusted"
  /** The token is no token, unknown, or no longer valid. */
  | "token"
  /** A node of this name is alive. */
  | "name"
  /** The server answers, but gives no certificate. */
  | "refused";

export class JoinError extends Error {
  override readonly name = "JoinError";
  readonly problem: JoinProblem;

  constructor(problem: JoinProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.problem = problem;
  }
}
