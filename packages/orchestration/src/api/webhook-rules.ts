// Defaults and rules of MutatingWebhookConfiguration and ValidatingWebhookConfiguration (admissionregistration.k8s.io/v1).
import { compile } from "../cel/cel.ts";
import { qualifiedNameProblem } from "./names.ts";
import type { KubeObject } from "./object.ts";
import type { Strategy } from "./resource.ts";
import type { StatusCause } from "./status.ts";
import type {
  MatchCondition,
  MutatingWebhook,
  RuleWithOperations,
  ValidatingWebhook,
  WebhookClientConfig,
} from "./types.generated.ts";

/** What an expression of `matchConditions` may name. */
export const matchVariables = ["object", "oldObject", "request"] as const;

const conditionsMax = 64;
const reviewVersions = ["v1", "v1beta1"];
const operations = ["CREATE", "UPDATE", "DELETE", "CONNECT", "*"];
/** At least three labels of a domain: webhooks of all the world have names of their own. */
const fullName = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?){2,}$/;

type Webhook = Partial<MutatingWebhook & ValidatingWebhook>;

/** @param more what webhooks of one of the two kinds have beside the others */
export function webhookStrategy(more: Partial<Webhook> = {}): Strategy {
  return {
    defaults: (configuration) => ({
      ...configuration,
      webhooks: webhooksOf(configuration).map((webhook) => withDefaults({ ...more, ...webhook })),
    }),
    validate: (configuration) => {
      const webhooks = webhooksOf(configuration);
      const names = webhooks.map(({ name }) => name);
      return webhooks.flatMap((webhook, i) => {
        const isTaken = names.indexOf(webhook.name) < i;
        const at = `webhooks[${i}]`;
        return [
          ...(isTaken ? [duplicate(`${at}.name`, webhook.name)] : []),
          ...webhookCauses(webhook, at),
        ];
      });
    },
  };
}

function webhooksOf(configuration: KubeObject): readonly Webhook[] {
  return (configuration["webhooks"] ?? []) as readonly Webhook[];
}

function withDefaults(webhook: Webhook): Webhook {
  const { clientConfig = {}, rules } = webhook;
  const { service } = clientConfig;
  return {
    failurePolicy: "Fail",
    matchPolicy: "Equivalent",
    namespaceSelector: {},
    objectSelector: {},
    timeoutSeconds: 10,
    ...webhook,
    clientConfig:
      service === undefined
        ? clientConfig
        : { ...clientConfig, service: { port: 443, ...service } },
    ...(rules !== undefined && { rules: rules.map((rule) => ({ scope: "*", ...rule })) }),
  };
}

function webhookCauses(webhook: Webhook, at: string): readonly StatusCause[] {
  const { name = "", rules = [], timeoutSeconds = 10, matchConditions = [] } = webhook;
  const seconds = "the timeout value must be between 1 and 30 seconds";
  return [
    ...nameCauses(name, `${at}.name`),
    ...reviewVersionCauses(webhook.admissionReviewVersions ?? [], `${at}.admissionReviewVersions`),
    ...rules.flatMap((rule, i) => ruleCauses(rule, `${at}.rules[${i}]`)),
    ...choice(webhook.failurePolicy, ["Fail", "Ignore"], `${at}.failurePolicy`),
    ...choice(webhook.matchPolicy, ["Equivalent", "Exact"], `${at}.matchPolicy`),
    ...choice(webhook.reinvocationPolicy, ["IfNeeded", "Never"], `${at}.reinvocationPolicy`),
    ...sideEffectCauses(webhook.sideEffects, `${at}.sideEffects`),
    ...(timeoutSeconds < 1 || timeoutSeconds > 30
      ? [invalid(`${at}.timeoutSeconds`, timeoutSeconds, seconds)]
      : []),
    ...clientCauses(webhook.clientConfig ?? {}, `${at}.clientConfig`),
    ...conditionCauses(matchConditions, `${at}.matchConditions`),
  ];
}

function nameCauses(name: string, field: string): readonly StatusCause[] {
  if (name === "") return [required(field)];
  const why = "should be a domain with at least three segments separated by dots";
  return fullName.test(name) ? [] : [invalid(field, name, why)];
}

function reviewVersionCauses(versions: readonly string[], field: string): readonly StatusCause[] {
  const known = reviewVersions.join(", ");
  if (versions.length === 0) return [required(field, `must specify one of ${known}`)];
  if (versions.some((version) => reviewVersions.includes(version))) return [];
  return [invalid(field, versions, `must include at least one of ${known}`)];
}

function ruleCauses(rule: RuleWithOperations, at: string): readonly StatusCause[] {
  const needed = (["apiGroups", "apiVersions", "operations", "resources"] as const).filter(
    (name) => (rule[name] ?? []).length === 0,
  );
  const stars = "if '*' is present, must not specify other";
  const crowded = (["apiGroups", "apiVersions", "operations"] as const).filter((name) => {
    const list = rule[name] ?? [];
    return list.length > 1 && list.includes("*");
  });
  return [
    ...needed.map((name) => required(`${at}.${name}`)),
    ...crowded.map((name) => invalid(`${at}.${name}`, rule[name], `${stars} ${name}`)),
    ...(rule.operations ?? []).flatMap((each, i) =>
      choice(each, operations, `${at}.operations[${i}]`),
    ),
    ...choice(rule.scope, ["*", "Cluster", "Namespaced"], `${at}.scope`),
  ];
}

function sideEffectCauses(sideEffects: string | undefined, field: string): readonly StatusCause[] {
  if (sideEffects === undefined) return [required(field, "must specify one of None, NoneOnDryRun")];
  return choice(sideEffects, ["None", "NoneOnDryRun"], field);
}

function clientCauses(
  { url, service }: Partial<WebhookClientConfig>,
  at: string,
): readonly StatusCause[] {
  if ((url === undefined) === (service === undefined))
    return [required(at, "exactly one of url or service is required")];
  if (url !== undefined) return urlCauses(url, `${at}.url`);
  const { name = "", namespace = "", path = "/", port = 443 } = service ?? {};
  const isPort = Number.isInteger(port) && port > 0 && port < 65536;
  const why = `must start with a '/'`;
  return [
    ...(name === "" ? [required(`${at}.service.name`)] : []),
    ...(namespace === "" ? [required(`${at}.service.namespace`)] : []),
    ...(isPort
      ? []
      : [
          invalid(
            `${at}.service.port`,
            port,
            "port is not valid: must be between 1 and 65535, inclusive",
          ),
        ]),
    ...(path.startsWith("/") ? [] : [invalid(`${at}.service.path`, path, why)]),
  ];
}

function urlCauses(text: string, field: string): readonly StatusCause[] {
  const url = URL.parse(text);
  const form = "desired format: https://host[/path]";
  if (url === null) return [invalid(field, text, `url must be a valid URL; ${form}`)];
  const problems = [
    ...(url.protocol === "https:" ? [] : ["'https' is the only allowed URL scheme"]),
    ...(url.hostname === "" ? ["host must be specified"] : []),
    ...(url.username + url.password === "" ? [] : ["user information is not permitted in the URL"]),
    ...(url.hash === "" ? [] : ["fragments are not permitted in the URL"]),
    ...(url.search === "" ? [] : ["query parameters are not permitted in the URL"]),
  ];
  return problems.map((why) => invalid(field, text, `${why}; ${form}`));
}

function conditionCauses(
  conditions: readonly MatchCondition[],
  at: string,
): readonly StatusCause[] {
  if (conditions.length > conditionsMax) {
    const message = `Too many: ${conditions.length}: must have at most ${conditionsMax} items`;
    return [{ reason: "FieldValueTooMany", message, field: at }];
  }
  const names = conditions.map(({ name }) => name);
  return conditions.flatMap(({ name, expression }, i) => {
    const field = `${at}[${i}]`;
    const isTaken = name !== "" && names.indexOf(name) < i;
    const why = name === "" ? undefined : qualifiedNameProblem(name);
    return [
      ...(name === "" ? [required(`${field}.name`)] : []),
      ...(why === undefined ? [] : [told(`${field}.name`, why)]),
      ...(isTaken ? [duplicate(`${field}.name`, name)] : []),
      ...expressionCauses(expression, `${field}.expression`),
    ];
  });
}

function expressionCauses(expression: string, field: string): readonly StatusCause[] {
  if (expression.trim() === "") return [required(field)];
  try {
    compile(expression, matchVariables);
    return [];
  } catch (error) {
    const [why] = (error as Error).message.split("\n", 1);
    return [invalid(field, expression, `compilation failed: ${why}`)];
  }
}

function choice(
  value: string | undefined,
  known: readonly string[],
  field: string,
): readonly StatusCause[] {
  if (value === undefined || known.includes(value)) return [];
  const all = known.map((each) => JSON.stringify(each)).join(", ");
  const message = `Unsupported value: ${JSON.stringify(value)}: supported values: ${all}`;
  return [{ reason: "FieldValueNotSupported", message, field }];
}

function required(field: string, why = ""): StatusCause {
  return {
    reason: "FieldValueRequired",
    message: why === "" ? "Required value" : `Required value: ${why}`,
    field,
  };
}

function invalid(field: string, value: unknown, why: string): StatusCause {
  return told(field, `${JSON.stringify(value)}: ${why}`);
}

function told(field: string, why: string): StatusCause {
  return { reason: "FieldValueInvalid", message: `Invalid value: ${why}`, field };
}

function duplicate(field: string, value: unknown): StatusCause {
  const message = `Duplicate value: ${JSON.stringify(value)}`;
  return { reason: "FieldValueDuplicate", message, field };
}
