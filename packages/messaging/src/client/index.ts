// The client's public face.
export { InvalidPayload, Reject, SendError } from "./core/errors.ts";
export { type Inbox, memoryInbox } from "./core/inbox.ts";
export type { Headers, Properties } from "./core/message.ts";
export type { SchemaIssue } from "./core/schema.ts";
export type { RetryPolicy } from "./core/topology.ts";
export type { Handler, HandlerContext } from "./edge/handling.ts";
export {
  createProducer,
  type Producer,
  type ProducerOptions,
  type SendOptions,
  type Sent,
} from "./edge/producer.ts";
export {
  type Counts,
  defineWorker,
  type RunningWorker,
  type StartOptions,
  type Worker,
  type WorkerDefinition,
  WorkerError,
} from "./edge/worker.ts";
