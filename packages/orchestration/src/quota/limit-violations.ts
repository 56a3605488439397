// What a LimitRange does not allow, in Kubernetes' words (core/v1 LimitRange).
import { podLimits, podRequests } from "../api/pod-resources.ts";
import { compare, formatQuantity, milliValue, type Quantity, quantity } from "../api/quantity.ts";
import { type Amounts, amountsOf, type ResourceList } from "../api/resource-list.ts";
import type {
  LimitRange,
  LimitRangeItem,
  PersistentVolumeClaim,
  Pod,
} from "../api/types.generated.ts";

/** Something that a LimitRange speaks of: what it asks for, and its limit. */
interface Asking {
  readonly requests: Amounts;
  /** Undefined for what cannot have any. */
  readonly limits: Amounts | undefined;
}

/** @returns what a pod asks that it may not, in Kubernetes' words */
export function podViolations(pod: Pod, { spec }: LimitRange): readonly string[] {
  const { containers, initContainers = [] } = pod.spec;
  const each = [...containers, ...initContainers].map(({ resources }) => ({
    requests: amountsOf(resources?.requests),
    limits: amountsOf(resources?.limits),
  }));
  const whole = { requests: podRequests(pod.spec), limits: podLimits(pod.spec) };
  return (spec?.limits ?? []).flatMap((item) => {
    if (item.type === "Container") return each.flatMap((asking) => violations(item, asking));
    return item.type === "Pod" ? violations(item, whole) : [];
  });
}

/** A claim has a request and no limit. */
export function claimViolations(
  { spec: { resources } }: PersistentVolumeClaim,
  { spec }: LimitRange,
): readonly string[] {
  const asking = { requests: amountsOf(resources?.requests), limits: undefined };
  return (spec?.limits ?? [])
    .filter(({ type }) => type === "PersistentVolumeClaim")
    .flatMap((item) => violations(item, asking));
}

function violations(item: LimitRangeItem, { requests, limits }: Asking): readonly string[] {
  const check = (rule: Rule, enforced: ResourceList = {}): readonly string[] =>
    Object.entries(enforced)
      .map(([name, text]) => {
        const amount = quantity(text);
        const bound = {
          text: formatQuantity(amount),
          amount,
          of: `${name} usage per ${item.type}`,
        };
        return rule(bound, requests.get(name), limits?.get(name));
      })
      .filter((text) => text !== undefined);
  return [
    ...check(belowMin, item.min),
    ...check(limits === undefined ? requestAboveMax : aboveMax, item.max),
    ...Object.entries(item.maxLimitRequestRatio ?? {})
      .map(([name, text]) =>
        aboveRatio(
          `${name} max limit to request ratio per ${item.type} is ${text}`,
          text,
          requests.get(name),
          limits?.get(name),
        ),
      )
      .filter((text) => text !== undefined),
  ];
}

interface Bound {
  /** As written. */
  readonly text: string;
  readonly amount: Quantity;
  /** `cpu usage per Container` */
  readonly of: string;
}

type Rule = (
  bound: Bound,
  request: Quantity | undefined,
  limit: Quantity | undefined,
) => string | undefined;

const belowMin: Rule = ({ text, amount, of }, request, limit) => {
  const rule = `minimum ${of} is ${text}`;
  if (request === undefined) return `${rule}.  No request is specified`;
  if (compare(request, amount) < 0) return `${rule}, but request is ${formatQuantity(request)}`;
  if (limit !== undefined && compare(limit, amount) < 0)
    return `${rule}, but limit is ${formatQuantity(limit)}`;
  return undefined;
};

const aboveMax: Rule = (bound, request, limit) => {
  const { text, amount, of } = bound;
  const rule = `maximum ${of} is ${text}`;
  if (limit === undefined) return `${rule}.  No limit is specified`;
  if (compare(limit, amount) > 0) return `${rule}, but limit is ${formatQuantity(limit)}`;
  return request && requestAboveMax(bound, request, undefined);
};

const requestAboveMax: Rule = ({ text, amount, of }, request) => {
  const rule = `maximum ${of} is ${text}`;
  if (request === undefined) return `${rule}.  No request is specified`;
  return compare(request, amount) > 0
    ? `${rule}, but request is ${formatQuantity(request)}`
    : undefined;
};

function aboveRatio(
  rule: string,
  most: string,
  request: Quantity | undefined,
  limit: Quantity | undefined,
): string | undefined {
  if (request === undefined || request.nanos === 0n)
    return `${rule}, but no request is specified or request is 0`;
  if (limit === undefined || limit.nanos === 0n)
    return `${rule}, but no limit is specified or limit is 0`;
  const ratio = Number(limit.nanos) / Number(request.nanos);
  return ratio * 1000 > milliValue(quantity(most))
    ? `${rule}, but provided ratio is ${ratio.toFixed(6)}`
    : undefined;
}
