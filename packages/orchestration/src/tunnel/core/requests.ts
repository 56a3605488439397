// What the API server opens a stream for.
import type { ContainerRef, LogQuery, NodeStreams } from "../../node/node-streams.ts";

/** Where the tunnel is: a subresource of nodes, in a group of its own. */
export const tunnelGroup = "node.warrener.dev";
export const tunnelPath = (node: string): string =>
  `/apis/${tunnelGroup}/v1/nodes/${encodeURIComponent(node)}/tunnel`;

export type TunnelRequest =
  /** Lines of `Figures`, every few seconds. */
  | { readonly kind: "figures" }
  /** The log; ends when it does. */
  | { readonly kind: "logs"; readonly ref: ContainerRef; readonly query: LogQuery }
  /** Octets of both sides; accepted once somebody listens there. */
  | {
      readonly kind: "portForward";
      readonly pod: Omit<ContainerRef, "container">;
      readonly port: number;
    }
  /** stdin, stdout or stderr of a process that is asked for next. */
  | { readonly kind: "part" }
  | ProcessRequest;

/** The server sends lines of sizes of its terminal; the node one line `ProcessEnd`, when all output has been sent. */
export interface ProcessRequest {
  readonly kind: "exec" | "attach";
  readonly ref: ContainerRef;
  readonly command: readonly string[];
  readonly tty: boolean;
  /** Streams that are its parts. */
  readonly stdin?: number;
  readonly stdout?: number;
  readonly stderr?: number;
}

export interface ProcessEnd {
  readonly exitCode: number;
}

export interface Figures {
  readonly pods: ReturnType<NodeStreams["usage"]>;
  readonly node: ReturnType<NodeStreams["nodeUsage"]>;
}
