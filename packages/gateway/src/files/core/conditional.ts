// Which part of a file a request gets: all, a range, or nothing new (RFC 9110 §13 and §14).

export interface Selection {
  readonly status: 200 | 206 | 304 | 412 | 416;
  /** First byte and last byte, both included; absent when there is no content to send. */
  readonly range?: { readonly first: number; readonly last: number };
}

export interface Conditions {
  readonly range?: string | undefined;
  readonly ifRange?: string | undefined;
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
}

/**
 * Selects by entity tag and range. A file never changes, so its tag is all that conditions need.
 * A request for several ranges gets the whole, as §14.2 allows.
 */
export function select(file: { bytes: number; etag: string }, said: Conditions): Selection {
  if (said.ifMatch !== undefined && !lists(said.ifMatch, file.etag)) return { status: 412 };
  if (said.ifNoneMatch !== undefined && lists(said.ifNoneMatch, file.etag)) return { status: 304 };
  const whole: Selection =
    file.bytes === 0 ? { status: 200 } : { status: 200, range: { first: 0, last: file.bytes - 1 } };
  if (said.range === undefined) return whole;
  if (said.ifRange !== undefined && said.ifRange.trim() !== file.etag) return whole;
  const match = /^bytes\s*=\s*(\d*)\s*-\s*(\d*)$/i.exec(said.range.trim());
  const [, from = "", to = ""] = match ?? [];
  if (match === null || (from === "" && to === "")) return whole;
  if (from === "") return suffix(file.bytes, Number(to));
  const first = Number(from);
  const last = to === "" ? file.bytes - 1 : Math.min(Number(to), file.bytes - 1);
  if (to !== "" && Number(to) < first) return whole;
  if (first >= file.bytes) return { status: 416 };
  return { status: 206, range: { first, last } };
}

function suffix(bytes: number, length: number): Selection {
  if (length === 0 || bytes === 0) return { status: 416 };
  return { status: 206, range: { first: Math.max(0, bytes - length), last: bytes - 1 } };
}

function lists(header: string, etag: string): boolean {
  if (header.trim() === "*") return true;
  return header.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag);
}
