// Where a pod's things lie on disk, and what is remembered of it for the next agent.
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Pod } from "../../api/types.generated.ts";
import type { PodState } from "../core/pod-state.ts";
import { RecordFile, readRecord } from "./record-file.ts";

/** What an agent must know to go on with a pod that another one began. */
export interface PodRecord {
  readonly pod: Pod;
  readonly state: PodState;
  readonly podIp: string | undefined;
}

const recordName = "pod.jsonl";

export interface NodeFolder {
  readonly pods: string;
  readonly logs: string;
  readonly volumes: string;
}

export function nodeFolder(directory: string): NodeFolder {
  const folder = {
    pods: join(directory, "pods"),
    logs: join(directory, "logs"),
    volumes: join(directory, "volumes"),
  };
  for (const path of Object.values(folder)) mkdirSync(path, { recursive: true });
  return folder;
}

export class PodFolder {
  readonly path: string;
  readonly logs: string;
  /** Why the newest record is not on disk. */
  trouble: string | undefined;
  readonly #record: RecordFile;

  constructor(node: NodeFolder, { metadata }: Pod) {
    const { namespace = "", name = "", uid = "" } = metadata;
    this.path = join(node.pods, uid);
    this.logs = join(node.logs, `${namespace}_${name}_${uid}`);
    this.#record = new RecordFile(join(this.path, recordName));
  }

  volume(name: string): string {
    return join(this.path, "volumes", name);
  }

  /** The folder of one instance of a container. */
  instance(container: string, restartCount: number): string {
    return join(this.path, "containers", container, String(restartCount));
  }

  log(container: string, restartCount: number): string {
    return join(this.logs, container, `${restartCount}.log`);
  }

  /** Makes room for an instance, and forgets all but the one before. */
  makeInstance(container: string, restartCount: number): string {
    const folder = this.instance(container, restartCount);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    mkdirSync(join(this.logs, container), { recursive: true });
    if (restartCount > 1)
      rmSync(this.instance(container, restartCount - 2), { recursive: true, force: true });
    this.#forgetLog(container, restartCount - 2);
    return folder;
  }

  #forgetLog(container: string, restartCount: number): void {
    if (restartCount < 0) return;
    const folder = join(this.logs, container);
    for (const name of readdirSync(folder))
      if (name.startsWith(`${restartCount}.log`)) rmSync(join(folder, name), { force: true });
  }

  /** Writes it down if it has changed; a crash leaves the old record or the new one. @returns whether it is on disk */
  write(record: PodRecord): boolean {
    try {
      this.#record.write(record);
      this.trouble = undefined;
    } catch (error) {
      this.trouble = `the node cannot write to its folder: ${String(error)}`;
    }
    return this.trouble === undefined;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** What earlier agents left behind, by uid. A record that cannot be read is none. */
export function readPodRecords(node: NodeFolder): ReadonlyMap<string, PodRecord> {
  const records = readdirSync(node.pods).flatMap((uid) => {
    try {
      return [[uid, readRecord(join(node.pods, uid, recordName)) as PodRecord] as const];
    } catch {
      rmSync(join(node.pods, uid), { recursive: true, force: true });
      return [];
    }
  });
  return new Map(records);
}
