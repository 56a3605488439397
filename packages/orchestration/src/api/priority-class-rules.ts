// What a PriorityClass may say, and what of it is for good (scheduling.k8s.io/v1).
import { isDeepStrictEqual } from "node:util";
import type { KubeObject } from "./object.ts";
import type { Strategy } from "./resource.ts";
import type { StatusCause } from "./status.ts";

/** What lies above is for the system's own. */
const userValueMax = 1_000_000_000;
const ofSystem = new Set(["system-node-critical", "system-cluster-critical"]);

export const priorityClassStrategy: Strategy = {
  validate: ({ metadata: { name = "" }, value }) => {
    if (ofSystem.has(name)) return [];
    const isReserved = name.startsWith("system-");
    const isTooHigh = typeof value === "number" && value > userValueMax;
    const prefix = "priority class names with 'system-' prefix are reserved for system use only";
    const most = `maximum allowed value of a user defined priority is ${userValueMax}`;
    return [
      ...(isReserved ? [forbidden("metadata.name", prefix)] : []),
      ...(isTooHigh ? [forbidden("value", most)] : []),
    ];
  },
  // Pods have the value as a number of their own: another would be true of new ones alone.
  validateUpdate: (object: KubeObject, old: KubeObject) =>
    ["value", "preemptionPolicy"]
      .filter((field) => !isDeepStrictEqual(object[field], old[field]))
      .map((field) => forbidden(field, "may not be changed in an update.")),
};

function forbidden(field: string, why: string): StatusCause {
  return { reason: "FieldValueForbidden", message: `Forbidden: ${why}`, field };
}
