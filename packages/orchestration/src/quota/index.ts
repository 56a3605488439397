// The face of quotas and limits: what is used, what is allowed.
export { withContainerDefaults, withLimitRangeDefaults } from "./limit-range.ts";
export { claimViolations, podViolations } from "./limit-violations.ts";
export { increase, quotaExceeded, quotaUnspecified } from "./quota-check.ts";
export { concerns, limitedOnly, limits, quotaUsage, usageOf } from "./usage.ts";
