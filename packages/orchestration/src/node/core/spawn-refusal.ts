// Why the machine starts no process, in words.

const shortages: Readonly<Record<string, string>> = {
  EAGAIN: "this machine lets nobody start another process now",
  ENOMEM: "this machine has no memory for another process now",
  EMFILE: "this agent may open no more files now",
  ENFILE: "this machine may open no more files now",
};

/** @param code as the system names it, such as `EAGAIN` */
export function spawnRefusal({
  code = "",
  message,
}: {
  readonly code?: string | undefined;
  readonly message: string;
}): string {
  const shortage = shortages[code];
  return shortage === undefined ? message : `${shortage} (${code})`;
}
