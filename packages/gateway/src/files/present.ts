// How a file is shown to clients.
import type { FileRecord } from "../records/records.ts";
import { reprDigest } from "../sending/core/messages.ts";

/** The metadata of a file, as every answer gives it. */
export function presentFile(file: FileRecord): Record<string, unknown> {
  const url = `/api/v1/files/${file.id}`;
  return {
    id: file.id,
    name: file.name,
    type: file.type,
    bytes: file.bytes,
    digest: reprDigest(file.sha256),
    sha256: file.sha256,
    owner: file.owner,
    ...(file.origin === undefined ? {} : { origin: file.origin }),
    createdAt: new Date(file.createdAtMs).toISOString(),
    url,
    journey: `${url}/journey`,
  };
}

/** A file never changes, so its digest is a strong entity tag. */
export function etagOf(file: FileRecord): string {
  return `"${file.sha256}"`;
}
