export type { Log } from "./broker/core/broker.ts";
export { type Clock, ManualClock } from "./broker/core/clock.ts";
export { type Broker, type BrokerOptions, startBroker } from "./broker/edge/start-broker.ts";
export * from "./client/index.ts";
