// What the gateway needs of a logger; pino fits, and so does nothing at all.

export interface Log {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

export const silent: Log = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
