// A message as the client sees it, whatever library carries it.

export type HeaderValue = unknown;
export type Headers = Readonly<Record<string, HeaderValue>>;

export interface Properties {
  readonly messageId?: string;
  readonly contentType?: string;
  readonly correlationId?: string;
  readonly replyTo?: string;
  readonly type?: string;
  readonly appId?: string;
  readonly priority?: number;
  /** Seconds since 1970, as AMQP has it. */
  readonly timestamp?: number;
  readonly headers: Headers;
}

export interface OutgoingMessage {
  readonly queue: string;
  readonly body: Buffer;
  readonly properties: Properties & { readonly messageId: string };
  /** A message that no queue takes comes back, instead of vanishing. */
  readonly mandatory: boolean;
}

export interface Delivery {
  readonly body: Buffer;
  readonly properties: Properties;
  readonly redelivered: boolean;
  /** Without effect once the session it came on has ended: the broker then delivers it again. */
  readonly ack: () => void;
  readonly requeue: () => void;
}
