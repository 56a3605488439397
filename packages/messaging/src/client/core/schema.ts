// Whether a payload fits a Standard Schema, and where it does not.
import type { StandardSchemaV1 } from "@standard-schema/spec";

export interface SchemaIssue {
  /** As in `officer.phones[0]`; empty for the payload itself. */
  readonly path: string;
  readonly message: string;
}

export type Checked<T> =
  | { readonly value: T; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

export async function check<S extends StandardSchemaV1>(
  schema: S,
  payload: unknown,
): Promise<Checked<StandardSchemaV1.InferOutput<S>>> {
  const result = await schema["~standard"].validate(payload);
  if (result.issues === undefined) return { value: result.value };
  return {
    issues: result.issues.map(({ path = [], message }) => ({
      path: formatPath(path),
      message,
    })),
  };
}

function formatPath(path: NonNullable<StandardSchemaV1.Issue["path"]>): string {
  let text = "";
  for (const part of path) {
    const key = typeof part === "object" ? part.key : part;
    if (typeof key === "number") text += `[${key}]`;
    else text += text === "" ? String(key) : `.${String(key)}`;
  }
  return text;
}
