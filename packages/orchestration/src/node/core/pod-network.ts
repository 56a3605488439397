// The commands that give a pod a network of its own: one cable between the pod and the machine, addresses out of 127/8 on both ends.
import { createHash } from "node:crypto";

/** The machine's end of every cable; the one address of the pods' half of 127/8 that no pod has. */
export const hostEnd = "127.127.255.254";

/**
 * What pods bear on their way out, before the machine's own address takes its place: 127/8 leads nowhere outside.
 * The range is set aside for tests between networks (RFC 2544), so that nobody else is there.
 */
export const outsideRange = "198.18.0.0/15";

/** Names of network devices hold 15 characters. */
const nodePrefixLength = 8;

/** What all devices of one node begin with, so that those that a dead agent left behind are known. @param directory the node's folder */
export function devicePrefix(directory: string): string {
  const hash = createHash("sha256").update(directory).digest("hex");
  return `wr${hash.slice(0, nodePrefixLength - 2)}`;
}

/** @param address such as `127.64.0.9` */
export function deviceName(directory: string, address: string): string {
  const octets = address.split(".").slice(1).map(Number);
  return `${devicePrefix(directory)}-${octets.map((each) => each.toString(16).padStart(2, "0")).join("")}`;
}

/** @param podIp such as `127.64.0.9` */
function outsideAddress(podIp: string): string {
  const [, second = 0, third, fourth] = podIp.split(".").map(Number);
  return `198.${18 + (second % 2)}.${third}.${fourth}`;
}

/** For `nft -f`; what an earlier agent left under the name is replaced. */
export function masqueradeRules(name: string): string {
  return lines(
    `add table ip ${name}`,
    `delete table ip ${name}`,
    `table ip ${name} {`,
    "chain postrouting {",
    "type nat hook postrouting priority 100;",
    `ip saddr ${outsideRange} oifname != "wr*" masquerade`,
    "}",
    "}",
  );
}

/**
 * For `ip -batch` on the machine.
 * The route stands in the table `local`, which is asked first: without it 127/8 is the machine's own.
 * @param pid a process of the pod's network namespace
 */
export function hostCommands(device: string, address: string, pid: number): string {
  return lines(
    `link add ${device} type veth peer name eth0 netns ${pid}`,
    `addr add ${hostEnd}/32 dev ${device}`,
    `link set ${device} up`,
    `route add ${address}/32 dev ${device} table local src ${hostEnd}`,
    `route add ${outsideAddress(address)}/32 dev ${device}`,
  );
}

/** For `ip -batch` inside. The pod keeps 127.0.0.0/10 for itself; other pods and services are reached through the machine. */
export function podCommands(address: string): string {
  return lines(
    `addr add ${address}/32 dev eth0`,
    "link set lo up",
    "link set eth0 up",
    "route del local 127.0.0.0/8 dev lo table local",
    "route add local 127.0.0.0/10 dev lo table local src 127.0.0.1",
    `route add ${hostEnd}/32 dev eth0 table local src ${address}`,
    `route add 127.64.0.0/10 via ${hostEnd} dev eth0 onlink table local src ${address}`,
    `addr add ${outsideAddress(address)}/32 dev eth0`,
    `route add default via ${hostEnd} dev eth0 onlink src ${outsideAddress(address)}`,
  );
}

function lines(...all: readonly string[]): string {
  return all.map((each) => `${each}\n`).join("");
}
