// Orders certificates from a process that issues them one after the other; it starts with the first order.
import { type ChildProcess, fork } from "node:child_process";
import { getCompileCacheDir } from "node:module";
import type { Identity, Validity } from "./certificates.ts";

export type Order = { readonly validity: Validity } & (
  | { readonly kind: "authority"; readonly name: string }
  /** `names`: host names and addresses that the server is reached by. */
  | { readonly kind: "server"; readonly authority: Identity; readonly names: readonly string[] }
  | {
      readonly kind: "client";
      readonly authority: Identity;
      readonly user: { readonly name: string; readonly groups: readonly string[] };
    }
);

export class Issuer implements Disposable {
  #process: ChildProcess | undefined;

  /** @throws Error when it cannot be issued */
  async issue(order: Order): Promise<Identity> {
    const child = (this.#process ??= startIssuing());
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const ended = (): void => reject(new Error("the process that issues certificates ended"));
    child.once("message", resolve).once("exit", ended).once("error", reject);
    child.send(order);
    const answer = await promise;
    child.off("exit", ended).off("error", reject);
    if ("error" in answer) throw new Error(answer.error);
    return answer.identity;
  }

  [Symbol.dispose](): void {
    this.#process?.disconnect();
  }
}

type Answer = { readonly identity: Identity } | { readonly error: string };

function startIssuing(): ChildProcess {
  const directory = getCompileCacheDir();
  return fork(new URL("./issuing-process.ts", import.meta.url), {
    execArgv: [],
    env: { ...process.env, ...(directory !== undefined && { NODE_COMPILE_CACHE: directory }) },
  });
}
