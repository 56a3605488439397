// When a declaration is refused: a reserved name, a locked queue, or properties other than those that stand.
import { ChannelError } from "../../../amqp/errors.ts";
import type { FieldTable } from "../../../amqp/field-table.ts";
import type { ExchangeOptions } from "../exchange/exchange.ts";
import { inVhost, type QueueOptions } from "../queue/queue.ts";
import { checkEquivalent, checkEquivalentQueue } from "../queue/queue-arguments.ts";

export interface QueueDeclaration {
  readonly name: string;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly exclusiveOwner: object | undefined;
  readonly arguments: FieldTable;
}

/** An exchange as a client declares it; whether its type is one is checked after its name. */
export type ExchangeDeclaration = Omit<ExchangeOptions, "type"> & { readonly type: string };

/** @throws ChannelError ACCESS_REFUSED: the default exchange cannot be declared, deleted or bound */
export function refuseDefault(exchange: string): void {
  if (exchange !== "") return;
  throw new ChannelError("ACCESS_REFUSED", "operation not permitted on the default exchange");
}

/** @throws ChannelError RESOURCE_LOCKED when another connection owns the queue alone */
export function checkOwner({ name, vhost, exclusiveOwner }: QueueOptions, owner: object): void {
  if (exclusiveOwner !== undefined && exclusiveOwner !== owner) throw lockedError(name, vhost);
}

/** @throws ChannelError PRECONDITION_FAILED naming the first property that differs */
export function checkSameExchange(
  current: ExchangeOptions,
  received: ExchangeDeclaration,
  vhost: string,
): void {
  const inVh = inVhost("exchange", received.name, vhost);
  checkSame("type", current.type, received.type, inVh);
  checkSame("durable", current.durable, received.durable, inVh);
  checkSame("auto_delete", current.autoDelete, received.autoDelete, inVh);
  checkSame("internal", current.internal, received.internal, inVh);
  checkEquivalent(current.arguments, received.arguments, ["alternate-exchange"], inVh);
}

/** @throws ChannelError PRECONDITION_FAILED naming the first property that differs, or RESOURCE_LOCKED */
export function checkSameQueue(current: QueueOptions, received: QueueDeclaration): void {
  const inVh = inVhost("queue", current.name, current.vhost);
  checkSame("durable", current.durable, received.durable, inVh);
  if ((current.exclusiveOwner === undefined) !== (received.exclusiveOwner === undefined)) {
    throw lockedError(current.name, current.vhost);
  }
  checkSame("auto_delete", current.autoDelete, received.autoDelete, inVh);
  checkEquivalentQueue(current.arguments, received.arguments, inVh);
}

/** @throws ChannelError ACCESS_REFUSED for a name that begins with `amq.` */
export function refuseReserved(kind: "queue" | "exchange", name: string): void {
  if (!name.startsWith("amq.")) return;
  throw new ChannelError(
    "ACCESS_REFUSED",
    `${kind} name '${name}' contains reserved prefix 'amq.*'`,
  );
}

function checkSame(
  property: string,
  current: string | boolean,
  received: string | boolean,
  inObject: string,
): void {
  if (current === received) return;
  throw new ChannelError(
    "PRECONDITION_FAILED",
    `inequivalent arg '${property}' for ${inObject}: received '${received}' but current is '${current}'`,
  );
}

function lockedError(queue: string, vhost: string): ChannelError {
  return new ChannelError(
    "RESOURCE_LOCKED",
    `cannot obtain exclusive access to locked ${inVhost("queue", queue, vhost)}. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration.`,
  );
}
