// Warrener's own services as static pods of this machine's node: started here, healed by the node agent as any worker is.
import { join } from "node:path";
import { type Client, kinds, type NodeAgent, type Pod } from "@warrener/orchestration";
import { CliError } from "../errors.ts";
import { awaitReport, type Ready, type Report, readReport, removeReport } from "./report.ts";

export const systemNamespace = "warrener-system";

/** A service to keep running. */
export interface ServiceSpec {
  readonly name: string;
  /** Of the command `warrener <name>`. */
  readonly args: readonly string[];
}

export class SystemPods {
  readonly #agent: NodeAgent;
  readonly #client: Client;
  readonly #folder: string;

  /** @param folder where services report */
  constructor(agent: NodeAgent, client: Client, folder: string) {
    this.#agent = agent;
    this.#client = client;
    this.#folder = folder;
  }

  /**
   * Called once, with all of them: a static pod that is not named ends.
   * @returns once all are ready, at once where those of an earlier life still run
   * @throws CliError when one cannot start
   */
  async start(specs: readonly ServiceSpec[], signal: AbortSignal): Promise<readonly Ready[]> {
    await Promise.all(
      specs.map(async ({ name }) => {
        const before = readReport(this.#fileOf(name));
        if (before?.kind !== "ready" || !isAlive(before.pid))
          await removeReport(this.#fileOf(name));
      }),
    );
    this.#agent.setStaticPods(specs.map((spec) => podOf(spec, this.#fileOf(spec.name))));
    // When one cannot start, nobody waits for the others.
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    try {
      return await Promise.all(specs.map(({ name }) => this.#ready(name, either)));
    } finally {
      over.abort();
    }
  }

  async #ready(name: string, signal: AbortSignal): Promise<Ready> {
    const report = await this.#report(name, signal);
    if (report.kind === "ready") return report;
    throw new CliError(report.message, { remedy: report.remedy ?? this.#logsOf(name) });
  }

  /** What the service says of itself. @throws CliError when it ends again and again without a word */
  async #report(name: string, signal: AbortSignal): Promise<Report> {
    const silent = new AbortController();
    const restarts = { before: Number.POSITIVE_INFINITY };
    const look = ({ metadata, status }: Pod): void => {
      const [container] = status?.containerStatuses ?? [];
      if (metadata.namespace !== systemNamespace || container?.name !== name) return;
      // Counted from what is seen first: an earlier life may have left restarts behind.
      restarts.before = Math.min(restarts.before, container.restartCount);
      const { waiting } = container.state ?? {};
      if (waiting?.reason !== "CrashLoopBackOff" || container.restartCount <= restarts.before)
        return;
      const message = `${name} ended twice and did not say why: ${waiting.message ?? waiting.reason}`;
      silent.abort(new CliError(message, { remedy: this.#logsOf(name) }));
    };
    const stopWatch = this.#client.watch(
      kinds.pods,
      { resourceVersion: "0" },
      { onEvent: ({ object }) => look(object), onEnd: () => undefined },
    );
    try {
      return await awaitReport(this.#fileOf(name), AbortSignal.any([signal, silent.signal]));
    } finally {
      stopWatch();
    }
  }

  #fileOf(name: string): string {
    return join(this.#folder, `${name}.json`);
  }

  #logsOf(name: string): string {
    return `kubectl logs -n ${systemNamespace} ${name}-${this.#agent.name}`;
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
