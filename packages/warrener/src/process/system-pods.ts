// Warrener's own services as static pods of this machine's node: started here, healed by the node agent as any worker is.
import { join } from "node:path";
import type { NodeAgent, Pod } from "@warrener/orchestration";
import { CliError } from "../errors.ts";
import { awaitReport, type Ready, readReport, removeReport } from "./report.ts";

export const systemNamespace = "warrener-system";

/** A service to keep running. */
export interface ServiceSpec {
  readonly name: string;
  /** Of the command `warrener <name>`. */
  readonly args: readonly string[];
}

export class SystemPods {
  readonly #agent: NodeAgent;
  readonly #folder: string;
  readonly #pods: Pod[] = [];

  /** @param folder where services report */
  constructor(agent: NodeAgent, folder: string) {
    this.#agent = agent;
    this.#folder = folder;
  }

  /** @returns once the service is ready, or at once where one of an earlier life still runs @throws CliError when it cannot start */
  async start(spec: ServiceSpec, signal: AbortSignal): Promise<Ready> {
    const file = join(this.#folder, `${spec.name}.json`);
    const before = readReport(file);
    if (before?.kind !== "ready" || !isAlive(before.pid)) await removeReport(file);
    this.#pods.push(podOf(spec, file));
    this.#agent.setStaticPods(this.#pods);
    const report = await awaitReport(file, signal);
    if (report.kind === "ready") return report;
    const { remedy = `kubectl logs -n ${systemNamespace} ${spec.name}-${this.#agent.name}` } =
      report;
    throw new CliError(report.message, { remedy });
  }
}

function podOf({ name, args }: ServiceSpec, report: string): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: systemNamespace,
      labels: { "app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "warrener" },
    },
    spec: {
      hostNetwork: true,
      priorityClassName: "system-node-critical",
      terminationGracePeriodSeconds: 10,
      containers: [
        {
          name,
          image: `warrener/${name}`,
          args,
          env: [{ name: "WARRENER_REPORT", value: report }],
        },
      ],
    },
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
