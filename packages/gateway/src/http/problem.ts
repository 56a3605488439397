// How the front door says no: problem+json (RFC 9457) with the cause in `detail` and a way out in `remedy`.

export interface ProblemDetails {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly remedy: string;
  readonly [extension: string]: unknown;
}

const titles: Readonly<Record<number, string>> = {
  400: "Bad request",
  401: "Not signed in",
  403: "Not permitted",
  404: "Not found",
  405: "Method not allowed",
  406: "Not acceptable",
  409: "Conflict",
  412: "Precondition failed",
  413: "Too large",
  415: "Unsupported media type",
  416: "Range not satisfiable",
  422: "Cannot be processed",
  429: "Too many requests",
  500: "Internal error",
  502: "Refused by the broker",
  503: "Unavailable",
  507: "Out of space",
};

/** An answer that says what is wrong and what would help. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly status: number;
  /** Stable name of the kind of problem, for programs. */
  readonly kind: string;
  readonly remedy: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly extensions: Readonly<Record<string, unknown>>;

  constructor(
    status: number,
    kind: string,
    said: {
      readonly detail: string;
      readonly remedy: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly extensions?: Readonly<Record<string, unknown>>;
      readonly cause?: unknown;
    },
  ) {
    super(said.detail, { cause: said.cause });
    this.status = status;
    this.kind = kind;
    this.remedy = said.remedy;
    this.headers = said.headers ?? {};
    this.extensions = said.extensions ?? {};
  }

  toJSON(): ProblemDetails {
    return {
      ...this.extensions,
      type: `urn:warrener:problem:${this.kind}`,
      title: titles[this.status] ?? "Problem",
      status: this.status,
      detail: this.message,
      remedy: this.remedy,
    };
  }
}

/** What was thrown, as an answer. Whatever we did not foresee becomes a 500 that tells the client nothing of our insides. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const { code, statusCode, message } = error as NodeJS.ErrnoException & { statusCode?: number };
  const cause = error;
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
      return new Problem(507, "out-of-space", {
        detail: "the disk is full; nothing was kept",
        remedy: "free space or move the data directory, then try again",
        cause,
      });
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return new Problem(413, "body-too-large", {
        detail: "the body of this request is larger than this door takes",
        remedy: "put large content in a file with POST /api/v1/files and send it by reference",
        cause,
      });
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return new Problem(415, "media-type", {
        detail: message,
        remedy: "send application/json",
        cause,
      });
    case undefined:
    default:
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new Problem(statusCode, "invalid-request", {
      detail: message,
      remedy: "compare the request with /docs",
      cause,
    });
  }
  return new Problem(500, "internal", {
    detail: "something went wrong here; the log says what",
    remedy: "try again; if it stays so, look into the log at this time",
    cause,
  });
}
