// The data folder: what stands where, and the access of whoever may read it.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseEnv } from "node:util";
import { CliError } from "./errors.ts";

/** What a client on this machine needs; kept in `dev.env`, readable by its owner alone. */
export interface DevEnvironment {
  readonly WARRENER_URL: string;
  readonly WARRENER_TOKEN: string;
  readonly AMQP_URL: string;
  readonly METRICS_URL: string;
}

const formatVersion = 1;

export class DataFolder {
  readonly path: string;
  /** Whether nothing has been started here with success yet. */
  readonly isNew: boolean;

  /** @throws CliError when the folder cannot be made, or another version of the format is there */
  constructor(path: string) {
    this.path = path;
    this.isNew = !existsSync(join(path, "dev.env"));
    makeFolder(resolve(path));
    if (!existsSync(join(path, "format")))
      writeFileSync(join(path, "format"), `${formatVersion}\n`);
    const found = readFileSync(join(path, "format"), "utf8").trim();
    if (found === String(formatVersion)) return;
    throw new CliError(
      `${path} has data of format ${found}, and this Warrener knows format ${formatVersion}`,
      {
        remedy: "use the version that wrote it, or another folder: --data DIR",
      },
    );
  }

  /** A folder in it, made if it is not there; absolute, since pods do not run where we were started. */
  folder(name: string): string {
    const path = join(this.absolutePath, name);
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return path;
  }

  get absolutePath(): string {
    return resolve(this.path);
  }

  get kubeconfigFile(): string {
    return join(this.path, "kubeconfig");
  }

  /** Credentials of our own processes, in a file that its owner alone can read. */
  writeSecrets(name: string, values: Readonly<Record<string, string>>): void {
    writePrivate(join(this.folder("run"), name), values);
  }

  /** Credentials that somebody else writes, as if they were written here. @param file absolute */
  linkSecrets(name: string, file: string): void {
    const path = join(this.folder("run"), name);
    rmSync(path, { force: true });
    symlinkSync(file, path);
  }

  secretsFile(name: string): string {
    return join(this.absolutePath, "run", name);
  }

  /** @returns undefined where nothing of that name has been written */
  secret(name: string, variable: string): string | undefined {
    const file = this.secretsFile(name);
    return existsSync(file) ? parseEnv(readFileSync(file, "utf8"))[variable] : undefined;
  }

  get devEnvFile(): string {
    return join(this.path, "dev.env");
  }

  /** The token that local programs have been given, if any was. */
  get devToken(): string | undefined {
    return existsSync(this.devEnvFile)
      ? parseEnv(readFileSync(this.devEnvFile, "utf8"))["WARRENER_TOKEN"]
      : undefined;
  }

  writeDevEnvironment(values: DevEnvironment): void {
    writePrivate(this.devEnvFile, { ...values });
  }

  /**
   * Claims the folder for this process.
   * @param remedy where another process has it
   * @returns what gives it back
   * @throws CliError when another process that is alive has it
   */
  claim(remedy: string): Disposable {
    const path = join(this.path, "up.pid");
    const holder = existsSync(path) ? Number(readFileSync(path, "utf8")) : 0;
    if (holder !== process.pid && isAlive(holder)) {
      throw new CliError(`Warrener runs on ${this.path} already (pid ${holder})`, {
        remedy,
      });
    }
    writeFileSync(path, String(process.pid));
    return { [Symbol.dispose]: () => rmSync(path, { force: true }) };
  }
}

function writePrivate(file: string, values: Readonly<Record<string, string>>): void {
  const lines = Object.entries(values).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(file, lines.join(""), { mode: 0o600 });
  chmodSync(file, 0o600); // it may have been there with wider rights
}

/**
 * How to reach a running Warrener: WARRENER_URL and WARRENER_TOKEN, or else what `warrener up` left in its data folder.
 * @throws CliError when neither is there
 */
export function devEnvironment(dataDir: string): DevEnvironment {
  const { WARRENER_URL, WARRENER_TOKEN, AMQP_URL = "", METRICS_URL = "" } = process.env;
  if (WARRENER_URL !== undefined && WARRENER_TOKEN !== undefined) {
    return { WARRENER_URL, WARRENER_TOKEN, AMQP_URL, METRICS_URL };
  }
  const file = join(dataDir, "dev.env");
  if (!existsSync(file)) {
    throw new CliError(`no Warrener has been started on ${dataDir}`, {
      remedy:
        "warrener up in another terminal, or --data DIR, or set WARRENER_URL and WARRENER_TOKEN",
    });
  }
  return parseEnv(readFileSync(file, "utf8")) as unknown as DevEnvironment;
}

function isAlive(pid: number): boolean {
  if (pid === 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Makes a folder and those above it, one by one: where the file system refuses (`/proc`), Node's recursive call never returns. */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (cause) {
    throw new CliError(`the data folder ${path} cannot be made: ${(cause as Error).message}`, {
      remedy: "choose a folder that you may write to: --data DIR",
      cause,
    });
  }
}
