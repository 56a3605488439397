// Names and labels as RFC 1123 and Kubernetes allow them ("Object Names and IDs", "Labels and Selectors").
import type { StatusCause } from "./status.ts";

const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const qualifiedPart = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const labelMax = 63;
const subdomainMax = 253;

const labelRule =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character " +
  `(e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`;
const subdomainRule =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character " +
  "(e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

/** Kinds whose names may hold anything that can stand in a path: RBAC names its roles `system:node`. */
const pathNamedGroups = new Set(["rbac.authorization.k8s.io"]);
const labelNamedKinds = new Set(["Namespace", "Service"]);

/** What is wrong with an object's name. */
export function nameCauses(kind: string, group: string, name: string): readonly StatusCause[] {
  const why = pathNamedGroups.has(group)
    ? pathSegmentProblem(name)
    : labelNamedKinds.has(kind)
      ? problemOf(name, label, labelMax, labelRule)
      : problemOf(name, subdomain, subdomainMax, subdomainRule);
  if (why === undefined) return [];
  const message = `Invalid value: ${JSON.stringify(name)}: ${why}`;
  return [{ reason: "FieldValueInvalid", message, field: "metadata.name" }];
}

function problemOf(name: string, rule: RegExp, max: number, text: string): string | undefined {
  if (name.length > max) return `must be no more than ${max} characters`;
  return rule.test(name) ? undefined : text;
}

function pathSegmentProblem(name: string): string | undefined {
  if (name === "." || name === "..") return `may not be '${name}'`;
  const bad = ["/", "%"].find((octet) => name.includes(octet));
  return bad === undefined ? undefined : `may not contain '${bad}'`;
}

/** What is wrong with labels. @param field where they stand */
export function labelCauses(labels: unknown, field: string): readonly StatusCause[] {
  if (typeof labels !== "object" || labels === null) return [];
  return Object.entries(labels).flatMap(([name, value]) => {
    const why = qualifiedNameProblem(name) ?? valueProblem(String(value));
    if (why === undefined) return [];
    return [{ reason: "FieldValueInvalid", message: `Invalid value: ${why}`, field }];
  });
}

/** What is wrong with a name that may have a domain before it: `example.com/role`. */
export function qualifiedNameProblem(key: string): string | undefined {
  const at = key.lastIndexOf("/");
  const [prefix, name] = at === -1 ? [undefined, key] : [key.slice(0, at), key.slice(at + 1)];
  const prefixIsBad =
    prefix !== undefined && (prefix.length > subdomainMax || !subdomain.test(prefix));
  if (prefixIsBad) return `${JSON.stringify(key)}: prefix part ${subdomainRule}`;
  if (name.length <= labelMax && qualifiedPart.test(name)) return undefined;
  return (
    `${JSON.stringify(key)}: name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character ` +
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
  );
}

function valueProblem(value: string): string | undefined {
  if (value.length > labelMax)
    return `${JSON.stringify(value)}: must be no more than ${labelMax} characters`;
  if (value === "" || qualifiedPart.test(value)) return undefined;
  return (
    `${JSON.stringify(value)}: a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character ` +
    "(e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
  );
}
