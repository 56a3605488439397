// JSON lines on standard output, by pino.
import { pino } from "pino";

/** @param name the process */
export function createLog(name: string): pino.Logger {
  return pino({ name, base: null, timestamp: pino.stdTimeFunctions.isoTime }).child({
    process: name,
  });
}

/** Into a file, for a process that speaks to a person on its standard output. */
export function fileLog(name: string, file: string): ReturnType<typeof messageFirst> {
  const destination = pino.destination({ dest: file, sync: true, mkdir: true });
  return messageFirst(
    pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination).child({
      process: name,
    }),
  );
}

type Facts = Readonly<Record<string, unknown>>;

/** The same log with the message first, as the broker and workers write it. */
export function messageFirst(
  log: pino.Logger,
): Record<"info" | "warn" | "error", (message: string, facts?: Facts) => void> {
  return {
    info: (message, facts = {}) => log.info(facts, message),
    warn: (message, facts = {}) => log.warn(facts, message),
    error: (message, facts = {}) => log.error(facts, message),
  };
}
