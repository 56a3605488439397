// W3C Trace Context: which trace a message belongs to.
// https://www.w3.org/TR/trace-context/#traceparent-header

export interface Trace {
  readonly traceId: string;
  readonly spanId: string;
  readonly flags: string;
}

const form = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** @returns undefined when the header is absent or invalid; a new trace is then begun */
export function parseTraceparent(header: unknown): Trace | undefined {
  if (typeof header !== "string") return undefined;
  const [, version, traceId = "", spanId = "", flags = "", more] = form.exec(header) ?? [];
  if (version === undefined || version === "ff" || (version === "00" && more !== undefined)) {
    return undefined;
  }
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, flags };
}

/** A span of its own: in the trace of `parent`, or in a new sampled one. */
export function childTrace(parent: Trace | undefined, random: () => number): Trace {
  return {
    traceId: parent?.traceId ?? hex(32, random),
    spanId: hex(16, random),
    flags: parent?.flags ?? "01",
  };
}

export function formatTraceparent({ traceId, spanId, flags }: Trace): string {
  return `00-${traceId}-${spanId}-${flags}`;
}

function hex(length: number, random: () => number): string {
  const digits = Array.from({ length }, () => Math.floor(random() * 16).toString(16)).join("");
  return /^0+$/.test(digits) ? `${digits.slice(1)}1` : digits;
}
