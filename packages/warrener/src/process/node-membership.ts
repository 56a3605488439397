// Which node a folder is: the one that it has joined as, or one that joins now.
import { hostname } from "node:os";
import type { Membership } from "@warrener/orchestration";
import { CliError } from "../errors.ts";

export interface NodeWish {
  /** Where the membership is kept. */
  readonly directory: string;
  /** The data folder, as it was given. */
  readonly folder: string;
  readonly server: string | undefined;
  readonly token: string | undefined;
  readonly name: string | undefined;
}

/** @throws CliError, JoinError */
export async function membershipFor(wish: NodeWish): Promise<Membership> {
  const { Membership, joinCluster, systemClock: clock } = await import("@warrener/orchestration");
  const { directory, folder, token } = wish;
  const there = await Membership.read(directory);
  if (there !== undefined) checkSame(wish, there);
  if (there !== undefined && clock.nowMs() < there.untilMs) return there;
  const server = wish.server ?? there?.server;
  if (server === undefined || token === undefined) throw nothingToJoin(folder, there);
  const name = there?.name ?? wish.name ?? ((number: number) => `${hostName()}-${number}`);
  return joinCluster({ server, token, directory, name, clock });
}

/** A folder's pods are those of one node of one cluster. @throws CliError */
function checkSame({ folder, server, name }: NodeWish, there: Membership): void {
  const isOther =
    (server !== undefined && new URL(server).href !== new URL(there.server).href) ||
    (name !== undefined && name !== there.name);
  if (!isOther) return;
  throw new CliError(`${folder} is node ${there.name} of ${there.server} already`, {
    remedy: `warrener node --data ${folder}, or another folder for another node: --data DIR`,
  });
}

function nothingToJoin(folder: string, there: Membership | undefined): CliError {
  if (there === undefined)
    return new CliError(`${folder} has joined no control plane yet`, {
      remedy: "warrener node token, where the control plane runs, prints the command to join with",
      exitCode: 2,
    });
  return new CliError(`the certificate of node ${there.name} ended while it was off`, {
    remedy: `warrener node --data ${folder} --token …, with a token of warrener node token`,
  });
}

/** The host's name, as far as it can be that of a node. */
function hostName(): string {
  const name = hostname()
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]/g, "-")
    .replaceAll(/^-+|-+$/g, "");
  return name === "" ? "node" : name;
}
