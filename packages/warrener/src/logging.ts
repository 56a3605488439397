// The two shapes of log that our modules take, from one.
import type { Log } from "@warrener/messaging";
import type { Logger } from "pino";

/** For modules that name the message before the facts. */
export function messageFirst(logger: Logger): Log {
  return {
    info: (message, facts = {}) => logger.info(facts, message),
    warn: (message, facts = {}) => logger.warn(facts, message),
    error: (message, facts = {}) => logger.error(facts, message),
  };
}
