// `warrener consume`: prints each message as it arrives, and acknowledges it.
import { openTap } from "@warrener/messaging";
import { CliError } from "../command-line/cli-error.ts";
import { pretty, toJsonLine } from "../command-line/show-message.ts";

export interface ConsumeCommand {
  readonly amqpUrl: string;
  readonly queue: string;
  /** Ends after so many. */
  readonly count: number | undefined;
  readonly asJson: boolean;
  readonly write: (text: string) => Promise<void>;
  readonly signal: AbortSignal;
}

export async function consume(command: ConsumeCommand): Promise<void> {
  const { amqpUrl: url, queue, count = Number.POSITIVE_INFINITY, asJson, write, signal } = command;
  const enough = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => enough.resolve(), { once: true });
  let seen = 0;
  await using tap = openTap({
    url,
    queue,
    receive: async (message) => {
      if (seen >= count) return Promise.reject(new Error("enough"));
      seen += 1;
      await write(asJson ? toJsonLine(message) : pretty(message));
      if (seen >= count) setImmediate(enough.resolve);
      return undefined;
    },
  });
  const refusal = await Promise.race([tap.ready, enough.promise]);
  if (refusal !== undefined) {
    const missing = /NOT.FOUND|404/.test(refusal.message);
    throw new CliError(
      missing ? `there is no queue "${queue}"` : refusal.message,
      missing ? `warrener publish ${queue} '{"n":1}'` : "warrener up, then try again",
      { cause: refusal },
    );
  }
  await enough.promise;
}
