// The channels into which exec and attach divide a WebSocket, and how a command's end is told (v4 and v5.channel.k8s.io).
import type { KubeObject } from "../../api/object.ts";
import { StatusError } from "../../api/status.ts";

export const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;
export type Channel = keyof typeof channels;

/** Closes the channel that is named after it; only v5 has it. */
const close = 255;

/** Subprotocols that are spoken here, the preferred one first. */
export const channelProtocols = ["v5.channel.k8s.io", "v4.channel.k8s.io"] as const;
export type ChannelProtocol = (typeof channelProtocols)[number];

export type ChannelMessage =
  | { readonly type: "data"; readonly channel: Channel; readonly data: Uint8Array }
  /** Columns and rows of the terminal. */
  | { readonly type: "resize"; readonly width: number; readonly height: number }
  | { readonly type: "close"; readonly channel: Channel };

/** @returns undefined where a client offers none that is spoken here */
export function chosenProtocol(offered: Iterable<string>): ChannelProtocol | undefined {
  const all = new Set(offered);
  return channelProtocols.find((protocol) => all.has(protocol));
}

/** One message of a channel. */
export function encodeChannel(channel: Channel, data: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(channels[channel]), data]);
}

/**
 * Reads a client's message.
 * @param data of the message is a view of `bytes`
 * @throws StatusError BadRequest
 */
export function decodeChannel(bytes: Uint8Array, protocol: ChannelProtocol): ChannelMessage {
  const [first] = bytes;
  if (first === undefined) throw refused("a message names no channel");
  if (first === close && protocol === "v5.channel.k8s.io")
    return { type: "close", channel: channelOf(bytes[1]) };
  const channel = channelOf(first);
  const data = bytes.subarray(1);
  return channel === "resize" ? resizeOf(data) : { type: "data", channel, data };
}

const names = Object.keys(channels) as readonly Channel[];

function channelOf(number: number | undefined): Channel {
  const name = names.find((each) => channels[each] === number);
  if (name === undefined) throw refused(`there is no channel ${number}`);
  return name;
}

function resizeOf(data: Uint8Array): ChannelMessage {
  const { Width: width, Height: height } = sizeOf(data);
  if (isSize(width) && isSize(height)) return { type: "resize", width, height };
  throw refused("a terminal's size is no pair of numbers");
}

function sizeOf(data: Uint8Array): { readonly Width?: unknown; readonly Height?: unknown } {
  try {
    return Object(JSON.parse(Buffer.from(data).toString())) as object;
  } catch {
    throw refused("a terminal's size is not JSON");
  }
}

function isSize(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 0xffff;
}

function refused(message: string): StatusError {
  return new StatusError("BadRequest", message);
}

/** How a command ended, as the error channel tells it: a Status without a code, since it answers no request. */
export function exitStatus(exitCode: number): KubeObject {
  const common = { apiVersion: "v1", kind: "Status", metadata: {} };
  if (exitCode === 0) return { ...common, status: "Success" };
  return {
    ...common,
    status: "Failure",
    reason: "NonZeroExitCode",
    message: `command terminated with non-zero exit code: exit status ${exitCode}`,
    details: { causes: [{ reason: "ExitCode", message: String(exitCode) }] },
  };
}
