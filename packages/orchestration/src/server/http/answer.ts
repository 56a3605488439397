// What a handler answers, before it becomes octets.

/** Where a stream's octets go. */
export interface Sink {
  /** Octets that the client has not taken yet. */
  readonly bufferedBytes: number;
  write(chunk: string | Uint8Array): void;
  /** Resolves when the client has taken what was written, or is gone. */
  drained(): Promise<void>;
  end(): void;
}

export type Answer =
  | {
      readonly kind: "json";
      readonly code: number;
      readonly value: unknown;
      readonly contentType?: string;
      readonly etag?: string;
    }
  | {
      readonly kind: "text";
      readonly code: number;
      readonly text: string;
      readonly contentType: string;
      readonly etag?: string;
    }
  | {
      readonly kind: "octets";
      readonly code: number;
      readonly octets: Uint8Array;
      readonly contentType: string;
      readonly etag?: string;
    }
  | {
      readonly kind: "stream";
      readonly contentType: string;
      /** @param signal aborts when the client is gone, or the server stops */
      readonly run: (sink: Sink, signal: AbortSignal) => void | Promise<void>;
    };

export function json(value: unknown, code = 200): Answer {
  return { kind: "json", code, value };
}

export function text(body: string, code = 200): Answer {
  return { kind: "text", code, text: body, contentType: "text/plain; charset=utf-8" };
}
