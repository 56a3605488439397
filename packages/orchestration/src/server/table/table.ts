// Lists as tables, the form in which `kubectl get` asks for them (meta.k8s.io/v1 Table).
import { readFileSync } from "node:fs";
import type { JsonObject, KubeObject } from "../../api/object.ts";
import type { CustomColumns, Resource } from "../../api/resource.ts";
import type { Pod } from "../../api/types.generated.ts";
import { accessRows } from "./access.ts";
import { autoscalingRows } from "./autoscaling.ts";
import { batchRows } from "./batch.ts";
import { ageOf, type CellsOf, nameOf } from "./cells.ts";
import { clusterRows } from "./cluster.ts";
import { configurationRows } from "./configuration.ts";
import { eventRows } from "./events.ts";
import { networkRows } from "./network.ts";
import { podCells, podRowConditions, type RowCondition } from "./pods.ts";
import { storageRows } from "./storage.ts";
import { workloadRows } from "./workloads.ts";

/** meta.k8s.io/v1 TableColumnDefinition. */
export interface TableColumn {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  readonly description: string;
  /** 0 is always shown, more only by `-o wide`. */
  readonly priority: number;
}

export interface TableRow {
  readonly cells: readonly unknown[];
  readonly conditions?: readonly RowCondition[];
  readonly object: KubeObject | null;
}

export interface Table extends KubeObject {
  readonly columnDefinitions: readonly TableColumn[];
  readonly rows: readonly TableRow[];
}

export interface TableOptions {
  readonly resource: Pick<Resource, "group" | "resource">;
  readonly objects: readonly KubeObject[];
  /** Of the list, or of the one object: resourceVersion, continue, remainingItemCount. */
  readonly metadata: JsonObject;
  /** Milliseconds since 1970; ages count up to here. */
  readonly nowMs: number;
  /** What each row carries of its object. */
  readonly includeObject: "None" | "Metadata" | "Object";
  readonly customColumns?: CustomColumns;
}

/** Objects of one resource as a table. */
export function tableOf(options: TableOptions): Table {
  const { resource, objects, metadata, nowMs, includeObject, customColumns } = options;
  const isPods = resource.group === "" && resource.resource === "pods";
  const cellsOf = customColumns === undefined ? rowOf(resource) : customRow(customColumns);
  return {
    apiVersion: "meta.k8s.io/v1",
    kind: "Table",
    metadata,
    columnDefinitions: tableColumns(resource, customColumns),
    rows: objects.map((object) => {
      const conditions = isPods ? podRowConditions(object as Pod) : undefined;
      return {
        cells: cellsOf(withSpec(object), nowMs),
        ...(conditions && { conditions }),
        object: included(object, includeObject),
      };
    }),
  };
}

/** The columns of a resource; name and age where it has none of its own. */
export function tableColumns(
  resource: Pick<Resource, "group" | "resource">,
  customColumns?: CustomColumns,
): readonly TableColumn[] {
  if (customColumns === undefined)
    return (columns ??= readColumns())[hasRow(resource) ? resource.resource : "*"] ?? [];
  const custom = customColumns.map(
    ({ name, type, format = "", description = "", priority = 0 }) => ({
      name,
      type,
      format,
      description,
      priority,
    }),
  );
  return [
    { name: "Name", type: "string", format: "name", description: "", priority: 0 },
    ...custom,
  ];
}

/** The schemas let a spec be absent: one object without must not keep the others from being listed. */
function withSpec(object: KubeObject): KubeObject {
  return object["spec"] === undefined ? { ...object, spec: {} } : object;
}

type ColumnData = readonly [name: string, type: string, format: string, priority: number];

let columns: Readonly<Record<string, readonly TableColumn[]>> | undefined;

function readColumns(): Readonly<Record<string, readonly TableColumn[]>> {
  const file = new URL("../../../data/printer-columns.json", import.meta.url);
  const data = JSON.parse(readFileSync(file, "utf8")) as Record<string, readonly ColumnData[]>;
  const described = ([name, type, format, priority]: ColumnData): TableColumn => ({
    name,
    type,
    format,
    description: "",
    priority,
  });
  return Object.fromEntries(
    Object.entries(data).map(([resource, list]) => [resource, list.map(described)]),
  );
}

/** By group and resource, since a custom resource may have the name of a built-in one. */
const rows: Readonly<Record<string, CellsOf>> = {
  "/pods": podCells,
  ...workloadRows,
  ...batchRows,
  ...autoscalingRows,
  ...networkRows,
  ...clusterRows,
  ...configurationRows,
  ...storageRows,
  ...eventRows,
  ...accessRows,
};

function hasRow({ group, resource }: TableOptions["resource"]): boolean {
  return Object.hasOwn(rows, `${group}/${resource}`);
}

function rowOf({ group, resource }: TableOptions["resource"]): CellsOf {
  return (
    rows[`${group}/${resource}`] ?? ((object, nowMs) => [nameOf(object), ageOf(object, nowMs)])
  );
}

function customRow(columns: CustomColumns): (object: KubeObject, nowMs: number) => unknown[] {
  return (object, nowMs) => [nameOf(object), ...columns.map(({ cell }) => cell(object, nowMs))];
}

function included(
  object: KubeObject,
  includeObject: TableOptions["includeObject"],
): KubeObject | null {
  switch (includeObject) {
    case "None":
      return null;
    case "Metadata": {
      const { metadata } = object;
      return { apiVersion: "meta.k8s.io/v1", kind: "PartialObjectMetadata", metadata };
    }
    case "Object":
      return object;
  }
}
