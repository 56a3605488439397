// Writes the types of the kinds that our own code reads, from Kubernetes' interface description: run it when `data/` changes.
import { writeFileSync } from "node:fs";
import { openApiDocument } from "../src/api/built-in.ts";
import type { SchemaNode } from "../src/api/schema.ts";

/** What the code works with; whatever these refer to comes along. Of two with one name the first keeps it. */
const roots = [
  "core.v1.Pod",
  "core.v1.Node",
  "core.v1.Namespace",
  "core.v1.Service",
  "core.v1.Endpoints",
  "core.v1.ConfigMap",
  "core.v1.Secret",
  "core.v1.ServiceAccount",
  "core.v1.Event",
  "core.v1.ResourceQuota",
  "core.v1.LimitRange",
  "core.v1.PersistentVolumeClaim",
  "core.v1.PersistentVolume",
  "apps.v1.ControllerRevision",
  "apps.v1.DaemonSet",
  "apps.v1.Deployment",
  "apps.v1.ReplicaSet",
  "apps.v1.StatefulSet",
  "batch.v1.CronJob",
  "batch.v1.Job",
  "autoscaling.v2.HorizontalPodAutoscaler",
  "autoscaling.v1.Scale",
  "policy.v1.PodDisruptionBudget",
  "policy.v1.Eviction",
  "discovery.v1.EndpointSlice",
  "coordination.v1.Lease",
  "scheduling.v1.PriorityClass",
  "storage.v1.StorageClass",
  "rbac.v1.ClusterRole",
  "rbac.v1.ClusterRoleBinding",
  "rbac.v1.Role",
  "rbac.v1.RoleBinding",
  "authorization.v1.SubjectAccessReview",
  "authorization.v1.SelfSubjectRulesReview",
  "authentication.v1.TokenRequest",
  "authentication.v1.TokenReview",
  "certificates.v1.CertificateSigningRequest",
  "admissionregistration.v1.ValidatingAdmissionPolicy",
  "admissionregistration.v1.ValidatingAdmissionPolicyBinding",
  "admissionregistration.v1.MutatingWebhookConfiguration",
  "admissionregistration.v1.ValidatingWebhookConfiguration",
].map((name) => `io.k8s.api.${name}`);
roots.push("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition");

/** Types that are written by hand, or are no more than a scalar. */
const known: Readonly<Record<string, string>> = {
  "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta": "ObjectMeta",
  "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "string",
  "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "string",
  "io.k8s.apimachinery.pkg.api.resource.Quantity": "string",
  "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "string | number",
  "io.k8s.apimachinery.pkg.runtime.RawExtension": "JsonObject",
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON": "Json",
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool":
    "JSONSchemaProps | boolean",
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray":
    "JSONSchemaProps",
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray":
    "readonly string[]",
};

const { definitions } = openApiDocument();
const prefix = "#/definitions/";
const names = new Map<string, string>();
const taken = new Set<string>(["Json", "JsonObject", "ObjectMeta"]);

function nameOf(definition: string): string {
  const there = known[definition] ?? names.get(definition);
  if (there !== undefined) return there;
  const parts = definition.split(".");
  const short = parts.at(-1) as string;
  const longer = parts.slice(-3).map((part) => part.charAt(0).toUpperCase() + part.slice(1));
  const name = taken.has(short) ? longer.join("") : short;
  names.set(definition, name);
  taken.add(name);
  return name;
}

function typeOf(node: SchemaNode): string {
  if (node.$ref !== undefined) return nameOf(node.$ref.slice(prefix.length));
  if (node.format === "int-or-string") return "string | number";
  if (node.type === "array") return `readonly (${typeOf(node.items as SchemaNode)})[]`;
  if (node.enum !== undefined) return node.enum.map((each) => JSON.stringify(each)).join(" | ");
  if (node.type === "string") return "string";
  if (node.type === "boolean") return "boolean";
  if (node.type === "integer" || node.type === "number") return "number";
  if (typeof node.additionalProperties === "object")
    return `Readonly<Record<string, ${typeOf(node.additionalProperties)}>>`;
  return "JsonObject";
}

/** Stored objects always have these; the description has them as something that may be missing. */
const always = new Set(["apiVersion", "kind", "metadata", "spec"]);

function declaration(definition: string): string {
  const node = definitions[definition] as SchemaNode;
  const isObject = node["x-kubernetes-group-version-kind"] !== undefined;
  const fields = Object.entries(node.properties ?? {}).map(([name, inner]) => {
    const isThere = (node.required ?? []).includes(name) || (isObject && always.has(name));
    const key = /^[$A-Za-z_][\w$]*$/.test(name) ? name : JSON.stringify(name);
    return `  readonly ${key}${isThere ? "" : "?"}: ${typeOf(inner)};`;
  });
  if (fields.length === 0) return `export type ${nameOf(definition)} = ${typeOf(node)};`;
  return `export type ${nameOf(definition)} = {\n${fields.join("\n")}\n};`;
}

for (const root of roots) nameOf(root);
const written = new Map<string, string>();
// `names` grows while its entries are written, until nothing new is referred to.
for (const definition of names.keys()) written.set(definition, declaration(definition));

const text = `// Made by scripts/generate-types.ts from data/openapi-v2-v1.32.0.min.json. Do not edit.
import type { Json, JsonObject, ObjectMeta } from "./object.ts";

${[...written.values()].join("\n\n")}
`;
writeFileSync(new URL("../src/api/types.generated.ts", import.meta.url), text);
