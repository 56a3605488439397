// Orders certificates from a process that issues them one after the other; it starts with the first order.
import { type ChildProcess, fork } from "node:child_process";
import { getCompileCacheDir } from "node:module";
import type { Identity, RequestedSubject, SigningRequest, User, Validity } from "./certificates.ts";

/** A certificate and its new key. */
export type Order = { readonly validity: Validity } & (
  | { readonly kind: "authority"; readonly name: string }
  /** `names`: host names and addresses that the server is reached by. */
  | { readonly kind: "server"; readonly authority: Identity; readonly names: readonly string[] }
  | { readonly kind: "client"; readonly authority: Identity; readonly user: User }
);

/** What concerns keys of others: to make a request, to read one, to sign one. */
export type RequestOrder =
  | { readonly kind: "request"; readonly user: User }
  | { readonly kind: "read"; readonly request: string }
  | {
      readonly kind: "sign";
      readonly authority: Identity;
      readonly request: string;
      readonly user: User;
      readonly validity: Validity;
    };

export class Issuer implements Disposable {
  #process: ChildProcess | undefined;

  /** @throws Error when it cannot be issued */
  async issue(order: Order): Promise<Identity> {
    return (await this.#ask(order)) as Identity;
  }

  async request(user: User): Promise<SigningRequest> {
    return (await this.#ask({ kind: "request", user })) as SigningRequest;
  }

  /** @throws Error for what is no request */
  async read(request: string): Promise<RequestedSubject> {
    return (await this.#ask({ kind: "read", request })) as RequestedSubject;
  }

  /** @returns the certificate, PEM */
  async sign(order: Omit<RequestOrder & { readonly kind: "sign" }, "kind">): Promise<string> {
    return (await this.#ask({ kind: "sign", ...order })) as string;
  }

  async #ask(order: Order | RequestOrder): Promise<unknown> {
    const child = (this.#process ??= startIssuing());
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const ended = (): void => reject(new Error("the process that issues certificates ended"));
    child.once("message", resolve).once("exit", ended).once("error", reject);
    child.send(order);
    const answer = await promise;
    child.off("exit", ended).off("error", reject);
    if ("error" in answer) throw new Error(answer.error);
    return answer.result;
  }

  [Symbol.dispose](): void {
    this.#process?.disconnect();
  }
}

type Answer = { readonly result: unknown } | { readonly error: string };

function startIssuing(): ChildProcess {
  const directory = getCompileCacheDir();
  return fork(new URL("./issuing-process.ts", import.meta.url), {
    execArgv: [],
    env: { ...process.env, ...(directory !== undefined && { NODE_COMPILE_CACHE: directory }) },
  });
}
