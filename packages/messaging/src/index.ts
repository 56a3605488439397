export { type Broker, type BrokerOptions, startBroker } from "./broker/edge/start-broker.ts";
export * from "./client/index.ts";
export { type Clock, ManualClock } from "./clock.ts";
export type { Log } from "./log.ts";
