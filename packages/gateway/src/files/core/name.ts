// Which name and media type a file goes by, whatever the client said.

const nameCharsMax = 200;
const types: Readonly<Record<string, string>> = {
  csv: "text/csv",
  tsv: "text/tab-separated-values",
  txt: "text/plain",
  json: "application/json",
  ndjson: "application/x-ndjson",
  jsonl: "application/x-ndjson",
};

/** The last part of a path, without control characters and what file systems reserve; never empty, `.` or `..`. */
export function safeName(said: string | undefined): string {
  const base = (said ?? "").split(/[/\\]/).pop() ?? "";
  const clean = base
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Cf}\p{Co}<>:"|?*]/gu, "_")
    .trim();
  if (/^\.*$/.test(clean)) return "unnamed";
  return Array.from(clean).slice(0, nameCharsMax).join("");
}

/** The type that the client said, unless it said nothing and the name tells more. */
export function mediaType(said: string | undefined, name: string): string {
  const type = said?.trim().toLowerCase() ?? "";
  const plain = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(\s*;.*)?$/.test(type) && type.length <= 200;
  const unsaid =
    !plain || type === "application/octet-stream" || type === "application/x-www-form-urlencoded";
  const extension = /\.(\w+)$/.exec(name)?.[1]?.toLowerCase() ?? "";
  if (unsaid) return types[extension] ?? "application/octet-stream";
  return type;
}
