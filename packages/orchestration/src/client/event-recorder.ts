// Events: what happened to an object, for whoever describes it. The same thing again is counted, not written anew.
import { crc32 } from "node:zlib";
import { kinds } from "../api/kinds.ts";
import type { KubeObject } from "../api/object.ts";
import type { Event } from "../api/types.generated.ts";
import { type Clock, timestamp } from "../clock.ts";
import type { Log } from "../log.ts";
import { type Client, isReason } from "./client.ts";

export interface EventRecorder {
  /** @param about the object it happened to @param fieldPath the part, such as `spec.containers{main}` */
  event(
    about: KubeObject,
    type: "Normal" | "Warning",
    reason: string,
    message: string,
    fieldPath?: string,
  ): void;
}

/** Events that are remembered for counting. */
const rememberedMax = 1000;
/** What messages are cut at (core/v1 Event). */
const messageMax = 1024;

export interface EventRecorderOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Log;
  /** Who says so: `deployment-controller`. */
  readonly component: string;
  /** The node it happened on, where it is one's. */
  readonly host?: string;
}

/** Writes one after the other; an event that cannot be written is a line in the log and no more. */
export function eventRecorder(options: EventRecorderOptions): EventRecorder {
  const { client, clock, log, component, host } = options;
  const teller = crc32(component).toString(16);
  const remembered = new Map<string, Event>();
  let last: Promise<void> = Promise.resolve();
  let count = 0;

  const write = async (key: string, fresh: Event): Promise<void> => {
    const seen = remembered.get(key);
    const written = seen === undefined ? undefined : await counted(client, seen, fresh);
    remembered.delete(key);
    remembered.set(key, written ?? (await client.create(kinds.events, fresh)));
    if (remembered.size > rememberedMax)
      remembered.delete(remembered.keys().next().value as string);
  };

  return {
    event(about, type, reason, message, fieldPath) {
      const { name = "", namespace, uid, resourceVersion } = about.metadata;
      const now = timestamp(clock.nowMs());
      count += 1;
      const fresh: Event = {
        apiVersion: "v1",
        kind: "Event",
        metadata: {
          // Unique by the moment, a counter and who says it.
          name: `${name}.${(clock.nowMs() * 1000 + (count % 1000)).toString(16)}${teller}`,
          namespace: namespace ?? "default",
        },
        involvedObject: {
          apiVersion: about.apiVersion,
          kind: about.kind,
          name,
          ...(namespace !== undefined && { namespace }),
          ...(uid !== undefined && { uid }),
          ...(resourceVersion !== undefined && { resourceVersion }),
          ...(fieldPath !== undefined && { fieldPath }),
        },
        reason,
        message: message.slice(0, messageMax),
        type,
        source: { component, ...(host !== undefined && { host }) },
        reportingComponent: component,
        reportingInstance: host ?? "",
        firstTimestamp: now,
        lastTimestamp: now,
        count: 1,
      };
      const key = [about.kind, namespace, name, uid, fieldPath, type, reason, message].join("\n");
      last = last.then(() =>
        write(key, fresh).catch((error: unknown) =>
          log.warn("event not written", {
            reason,
            about: `${about.kind} ${name}`,
            error: String(error),
          }),
        ),
      );
    },
  };
}

/** @returns undefined when it is gone: then it begins anew */
async function counted(client: Client, seen: Event, fresh: Event): Promise<Event | undefined> {
  const { resourceVersion: _, ...metadata } = seen.metadata;
  try {
    return await client.update(kinds.events, {
      ...seen,
      metadata,
      count: (seen.count ?? 1) + 1,
      ...(fresh.lastTimestamp !== undefined && { lastTimestamp: fresh.lastTimestamp }),
    });
  } catch (error) {
    if (isReason(error, "NotFound")) return undefined;
    throw error;
  }
}
