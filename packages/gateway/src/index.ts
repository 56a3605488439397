export { type Gateway, type GatewayOptions, startGateway } from "./gateway.ts";
export { journeyQueue, type Outcome } from "./journey/core/outcome.ts";
export { defaultLimits, type Limits } from "./limits.ts";
export type { Log } from "./log.ts";
