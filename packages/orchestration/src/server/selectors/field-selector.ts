// What a `fieldSelector` query asks for: `spec.nodeName=a,status.phase!=Running` (Kubernetes "Field Selectors").
import type { KubeObject } from "../../api/object.ts";
import type { Resource, Strategy } from "../../api/resource.ts";
import { StatusError } from "../../api/status.ts";

interface FieldRequirement {
  readonly field: string;
  readonly isEqual: boolean;
  readonly value: string;
}

/**
 * Reads a field selector.
 * @param text undefined or empty asks for everything
 * @param resource whose `selectableFields` may be asked for, beside name and namespace
 * @returns whether an object is asked for
 * @throws StatusError BadRequest, also for a field that cannot be asked for
 */
export function parseFieldSelector(
  text: string | undefined,
  resource: Pick<Resource, "strategy">,
): (object: KubeObject) => boolean {
  const requirements = requirementsOf(text ?? "");
  if (requirements.length === 0) return () => true;
  const known = new Map(Object.entries({ ...everywhere, ...resource.strategy.selectableFields }));
  const checks = requirements.map(({ field, isEqual, value }) => {
    const fieldOf = known.get(field);
    if (fieldOf === undefined) throw refused(`field label not supported: ${field}`);
    return (object: KubeObject) => (fieldOf(object) === value) === isEqual;
  });
  return (object) => checks.every((check) => check(object));
}

/** What may be asked for of every kind. */
const everywhere: NonNullable<Strategy["selectableFields"]> = {
  "metadata.name": ({ metadata }) => metadata.name ?? "",
  "metadata.namespace": ({ metadata }) => metadata.namespace ?? "",
};

function requirementsOf(text: string): readonly FieldRequirement[] {
  // A backslash takes the next character with it, so an escaped comma separates nothing.
  const terms = text.match(/(?:\\.|[^,\\]|\\$)+/gs) ?? [];
  return terms.map((term) => requirementOf(term, text));
}

function requirementOf(term: string, whole: string): FieldRequirement {
  const [, field, operator, value] = /^((?:\\.|[^\\=!]|!(?!=))*)(!=|==|=)(.*)$/s.exec(term) ?? [];
  if (field === undefined || value === undefined)
    throw refused(`invalid selector: '${whole}'; can't understand '${term}'`);
  return { field, isEqual: operator !== "!=", value: unescaped(value) };
}

function unescaped(value: string): string {
  return value.replaceAll(/\\(.?)|=/gs, (found, escaped: string | undefined) => {
    if (escaped === undefined)
      throw refused(`invalid field selector: unescaped character in value: ${found}`);
    if (escaped !== "" && "\\,=".includes(escaped)) return escaped;
    throw refused(`invalid field selector: invalid escape sequence: ${found}`);
  });
}

function refused(message: string): StatusError {
  return new StatusError("BadRequest", message);
}
