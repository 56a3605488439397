// What a node gives of its pods to the API server: logs, processes to talk to, ports, figures. The kubelet's own API, as a seam.
import type { Duplex, Readable, Writable } from "node:stream";

/** One container of one pod, by the names that clients use. */
export interface ContainerRef {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

/** Query of `pods/log` (core/v1 PodLogOptions). */
export interface LogQuery {
  readonly follow?: boolean;
  /** The instance before the last restart. */
  readonly previous?: boolean;
  readonly timestamps?: boolean;
  readonly tailLines?: number;
  readonly limitBytes?: number;
  /** Milliseconds since 1970. */
  readonly sinceMs?: number;
}

export interface ProcessStreams {
  readonly stdin?: Readable;
  readonly stdout?: Writable;
  /** Absent with a terminal: everything is stdout then. */
  readonly stderr?: Writable;
  readonly tty: boolean;
  /** Calls back with each new size of the client's terminal. */
  readonly onResize?: (listener: (size: { width: number; height: number }) => void) => void;
  /** The client is gone. */
  readonly signal: AbortSignal;
}

export interface ContainerUsage {
  readonly name: string;
  /** CPU time used over the window, in cores. */
  readonly cpuCores: number;
  readonly memoryBytes: number;
}

export interface PodUsage {
  readonly namespace: string;
  readonly pod: string;
  readonly atMs: number;
  readonly windowMs: number;
  readonly containers: readonly ContainerUsage[];
}

/** Methods throw or reject with a StatusError: NotFound, or BadRequest where a container has not started. */
export interface NodeStreams {
  /** Chunks of the log; ends when the log does, or follows until the container ends or `signal` aborts. */
  logs(ref: ContainerRef, query: LogQuery, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Runs a command where the container runs. @returns its exit code */
  exec(ref: ContainerRef, command: readonly string[], streams: ProcessStreams): Promise<number>;
  /** Joins the container's own process. @returns its exit code, or 0 when the client leaves first */
  attach(ref: ContainerRef, streams: ProcessStreams): Promise<number>;
  /** A connection to a port that a pod listens on. Rejects when nobody does. */
  portForward(pod: Omit<ContainerRef, "container">, port: number): Promise<Duplex>;
  usage(): readonly PodUsage[];
  nodeUsage(): {
    readonly atMs: number;
    readonly windowMs: number;
    readonly cpuCores: number;
    readonly memoryBytes: number;
  };
}
