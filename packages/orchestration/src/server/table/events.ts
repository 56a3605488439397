// An event's row, in the form of either group that serves events.
import type { Event } from "../../api/types.generated.ts";
import { type CellsOf, nameOf } from "./cells.ts";
import { age } from "./human-duration.ts";

/** events.k8s.io/v1 Event: the same with other names for some fields. */
type NewEvent = Event & {
  readonly regarding?: Event["involvedObject"];
  readonly note?: string;
  readonly deprecatedSource?: Event["source"];
  readonly deprecatedFirstTimestamp?: string;
  readonly deprecatedLastTimestamp?: string;
  readonly deprecatedCount?: number;
  readonly reportingController?: string;
};

export const eventRows: Readonly<Record<string, CellsOf>> = {
  "/events": cellsOf,
  "events.k8s.io/events": (event: NewEvent, nowMs) => cellsOf(asCoreEvent(event), nowMs),
};

function asCoreEvent(event: NewEvent): Event {
  const { note, reportingController, deprecatedSource } = event;
  const { deprecatedFirstTimestamp, deprecatedLastTimestamp, deprecatedCount } = event;
  return {
    ...event,
    involvedObject: event.regarding ?? {},
    ...(note !== undefined && { message: note }),
    ...(reportingController !== undefined && { reportingComponent: reportingController }),
    ...(deprecatedSource !== undefined && { source: deprecatedSource }),
    ...(deprecatedFirstTimestamp !== undefined && { firstTimestamp: deprecatedFirstTimestamp }),
    ...(deprecatedLastTimestamp !== undefined && { lastTimestamp: deprecatedLastTimestamp }),
    ...(deprecatedCount !== undefined && { count: deprecatedCount }),
  };
}

function cellsOf(event: Event, nowMs: number): ReturnType<CellsOf> {
  const { series, involvedObject } = event;
  const first = event.firstTimestamp ?? event.eventTime;
  const last = series === undefined ? (event.lastTimestamp ?? first) : series.lastObservedTime;
  return [
    age(last, nowMs),
    event.type ?? "",
    event.reason ?? "",
    subjectCell(event),
    involvedObject.fieldPath ?? "",
    sourceCell(event),
    (event.message ?? "").trim(),
    age(first, nowMs),
    // One that happened once may carry no count.
    series?.count ?? (event.count || 1),
    nameOf(event),
  ];
}

function subjectCell({ involvedObject: { kind = "", name } }: Event): string {
  const lower = kind.toLowerCase();
  return name ? `${lower}/${name}` : lower;
}

function sourceCell({ source, reportingComponent, reportingInstance }: Event): string {
  const component = source?.component || reportingComponent || "";
  const host = source?.host || reportingInstance;
  return host ? `${component}, ${host}` : component;
}
