// How an AMQP mistake is named on the wire, and how far its damage reaches.
import { ReplyCode } from "./constants.generated.ts";

export type ReplyName = keyof typeof ReplyCode;

/** Base of both: a reply code with RabbitMQ's text, `NOT_FOUND - no queue 'q' in vhost '/'`. */
abstract class ReplyError extends Error {
  readonly reply: ReplyName;
  constructor(reply: ReplyName, text: string, options?: ErrorOptions) {
    super(`${reply} - ${text}`, options);
    this.reply = reply;
  }
  get code(): number {
    return ReplyCode[this.reply];
  }
}

/** Closes one channel; the connection stays open (AMQP 0-9-1 §1.5.2.5). */
export class ChannelError extends ReplyError {
  override readonly name = "ChannelError";
}

/** Closes the connection (AMQP 0-9-1 §1.4.2.10). */
export class ConnectionError extends ReplyError {
  override readonly name = "ConnectionError";
}
