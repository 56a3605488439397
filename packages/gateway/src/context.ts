// What the routes of the gateway share.
import type { Access } from "@warrener/access";
import type { Clock } from "./clock.ts";
import type { FileBodies } from "./files/bodies.ts";
import type { Door } from "./http/door.ts";
import type { Metrics } from "./http/metrics.ts";
import type { Changes } from "./journey/changes.ts";
import type { Limits } from "./limits.ts";
import type { Log } from "./log.ts";
import type { Records } from "./records/records.ts";
import type { Sends } from "./sending/sends.ts";
import type { MessageSink } from "./sending/sink.ts";

export interface Context {
  readonly access: Access;
  readonly door: Door;
  readonly records: Records;
  readonly bodies: FileBodies;
  readonly sink: MessageSink;
  readonly sends: Sends;
  readonly changes: Changes;
  readonly metrics: Metrics;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly log: Log;
  readonly behindTls: boolean;
  /** Aborts when the gateway stops; ends what would wait for ever. */
  readonly stopping: AbortSignal;
}
