// What each method of a channel does: exchanges, queues, bindings, consumers, acknowledgements, modes.
import { ChannelError, ConnectionError } from "../../../amqp/errors.ts";
import { integerOf } from "../../../amqp/field-table.ts";
import type * as amqp from "../../../amqp/methods.generated.ts";
import { inVhost, type Queue } from "../queue/queue.ts";
import { type Channel, directReplyTo } from "./channel.ts";
import { ChannelConsumer } from "./channel-consumer.ts";

/**
 * Carries out one method on an open channel.
 * @throws ChannelError or ConnectionError as the specification has it for the mistake
 */
export function handleChannelMethod(channel: Channel, method: amqp.Method): void {
  switch (method.method) {
    case "channel.flow":
      if (!method.active) throw new ConnectionError("NOT_IMPLEMENTED", "active=false");
      return channel.reply({ method: "channel.flow-ok", active: true });
    case "channel.flow-ok":
      return;
    case "access.request":
      return channel.reply({ method: "access.request-ok", ticket: 1 });
    case "exchange.declare":
      return exchangeDeclare(channel, method);
    case "exchange.delete":
      return exchangeDelete(channel, method);
    case "exchange.bind":
    case "exchange.unbind":
      return exchangeBinding(channel, method);
    case "queue.declare":
      return queueDeclare(channel, method);
    case "queue.bind":
    case "queue.unbind":
      return queueBinding(channel, method);
    case "queue.purge":
      return queuePurge(channel, method);
    case "queue.delete":
      return queueDelete(channel, method);
    case "basic.qos":
      return basicQos(channel, method);
    case "basic.consume":
      return basicConsume(channel, method);
    case "basic.cancel":
      return basicCancel(channel, method);
    case "basic.get":
      return basicGet(channel, method);
    case "basic.publish":
      if (method.immediate) throw new ConnectionError("NOT_IMPLEMENTED", "immediate=true");
      return channel.beginPublish(method);
    case "basic.ack":
      return channel.settle(method.deliveryTag, method.multiple, "ack");
    case "basic.nack":
      return channel.settle(
        method.deliveryTag,
        method.multiple,
        method.requeue ? "requeue" : "discard",
      );
    case "basic.reject":
      return channel.settle(method.deliveryTag, false, method.requeue ? "requeue" : "discard");
    case "basic.recover-async":
    case "basic.recover":
      if (!method.requeue) throw new ConnectionError("NOT_IMPLEMENTED", "requeue=false");
      channel.recover();
      if (method.method === "basic.recover") channel.reply({ method: "basic.recover-ok" });
      return;
    case "confirm.select":
      if (channel.mode === "tx") throw cannotSwitch("tx", "confirm");
      channel.mode = "confirm";
      if (!method.nowait) channel.reply({ method: "confirm.select-ok" });
      return;
    case "tx.select":
      if (channel.mode === "confirm") throw cannotSwitch("confirm", "tx");
      channel.mode = "tx";
      return channel.reply({ method: "tx.select-ok" });
    case "tx.commit":
      needsTransaction(channel);
      channel.commit();
      return channel.reply({ method: "tx.commit-ok" }, channel.connection.broker.store.openBatch);
    case "tx.rollback":
      needsTransaction(channel);
      channel.rollback();
      return channel.reply({ method: "tx.rollback-ok" });
    case "basic.cancel-ok":
      return;
    default:
      throw new ConnectionError("COMMAND_INVALID", `unimplemented method ${method.method}`);
  }
}

/** What a change of definitions must wait for before it is answered. */
function definitionBatch(channel: Channel): number {
  return channel.connection.broker.definitionBatch;
}

function exchangeDeclare(channel: Channel, method: amqp.ExchangeDeclare): void {
  const { vhost } = channel.connection;
  const { exchange: name, type, durable, autoDelete, internal } = method;
  if (method.passive) {
    channel.connection.authorize("get", "exchanges", name);
    vhost.exchange(name);
  } else {
    channel.connection.authorize("create", "exchanges", name);
    vhost.declareExchange({
      name,
      type,
      durable,
      autoDelete,
      internal,
      arguments: method.arguments,
    });
  }
  if (!method.nowait) channel.reply({ method: "exchange.declare-ok" }, definitionBatch(channel));
}

function exchangeDelete(channel: Channel, method: amqp.ExchangeDelete): void {
  channel.connection.authorize("delete", "exchanges", method.exchange);
  channel.connection.vhost.removeExchange(method.exchange, method.ifUnused);
  if (!method.nowait) channel.reply({ method: "exchange.delete-ok" }, definitionBatch(channel));
}

function exchangeBinding(channel: Channel, method: amqp.ExchangeBind | amqp.ExchangeUnbind): void {
  const { vhost } = channel.connection;
  const { source, routingKey, nowait } = method;
  channel.connection.authorize("bind", "exchanges", method.destination);
  if (source === "" || method.destination === "") throw onDefaultExchange();
  const binds = method.method === "exchange.bind";
  if (binds) {
    vhost.exchange(source); // RabbitMQ names the source when both ends are missing
    vhost.bind(source, vhost.exchange(method.destination), routingKey, method.arguments);
  } else {
    const destination = vhost.exchanges.get(method.destination);
    vhost.unbind(source, destination, routingKey, method.arguments);
  }
  if (nowait) return;
  channel.reply(
    { method: binds ? "exchange.bind-ok" : "exchange.unbind-ok" },
    definitionBatch(channel),
  );
}

function queueDeclare(channel: Channel, method: amqp.QueueDeclare): void {
  const { connection } = channel;
  const queue = method.passive
    ? passiveQueue(channel, method.queue)
    : declaredQueue(channel, method);
  if (queue === undefined) {
    return channel.reply({
      method: "queue.declare-ok",
      queue: method.queue,
      messageCount: 0,
      consumerCount: 1,
    });
  }
  channel.lastQueue = queue.name;
  if (method.nowait) return;
  channel.reply(
    {
      method: "queue.declare-ok",
      queue: queue.name,
      messageCount: queue.ready,
      consumerCount: queue.consumers.length,
    },
    connection.broker.definitionBatch,
  );
}

/** @returns undefined for a direct reply-to address that is alive */
function passiveQueue(channel: Channel, name: string): Queue | undefined {
  const { connection } = channel;
  const key = name.slice(directReplyTo.length + 1);
  if (name.startsWith(`${directReplyTo}.`) && connection.broker.replyChannels.has(key))
    return undefined;
  connection.authorize("get", "queues", name);
  const queue = connection.vhost.queue(nameOrLast(channel, name), connection);
  queue.touch();
  return queue;
}

function declaredQueue(channel: Channel, method: amqp.QueueDeclare): Queue {
  const { connection } = channel;
  connection.authorize("create", "queues", method.queue);
  const { queue: name, durable, autoDelete, exclusive } = method;
  const exclusiveOwner = exclusive ? connection : undefined;
  const declaration = { name, durable, autoDelete, exclusiveOwner, arguments: method.arguments };
  return connection.vhost.declareQueue(declaration, connection);
}

function queueBinding(channel: Channel, method: amqp.QueueBind | amqp.QueueUnbind): void {
  const { vhost } = channel.connection;
  const { exchange } = method;
  const name = nameOrLast(channel, method.queue);
  channel.connection.authorize("bind", "queues", name);
  const routingKey = method.routingKey === "" && method.queue === "" ? name : method.routingKey;
  if (exchange === "") throw onDefaultExchange();
  if (method.method === "queue.unbind") {
    const bound = vhost.queues.has(name) ? vhost.queue(name, channel.connection) : undefined;
    vhost.unbind(exchange, bound, routingKey, method.arguments);
    return channel.reply({ method: "queue.unbind-ok" }, definitionBatch(channel));
  }
  vhost.exchange(exchange); // RabbitMQ names the source when both ends are missing
  vhost.bind(exchange, vhost.queue(name, channel.connection), routingKey, method.arguments);
  if (!method.nowait) channel.reply({ method: "queue.bind-ok" }, definitionBatch(channel));
}

function queuePurge(channel: Channel, method: amqp.QueuePurge): void {
  const { connection } = channel;
  const name = nameOrLast(channel, method.queue);
  connection.authorize("purge", "queues", name);
  const messageCount = connection.vhost.queue(name, connection).purge();
  connection.recordAct("purge", "queues", name, { messages: messageCount });
  if (!method.nowait) channel.reply({ method: "queue.purge-ok", messageCount });
}

function queueDelete(channel: Channel, method: amqp.QueueDelete): void {
  const { connection } = channel;
  const name = nameOrLast(channel, method.queue);
  connection.authorize("delete", "queues", name);
  const { ifUnused, ifEmpty } = method;
  const messageCount = connection.vhost.removeQueue(name, connection, { ifUnused, ifEmpty });
  connection.recordAct("delete", "queues", name, { messages: messageCount });
  if (!method.nowait)
    channel.reply({ method: "queue.delete-ok", messageCount }, definitionBatch(channel));
}

function basicQos(channel: Channel, method: amqp.BasicQos): void {
  if (method.prefetchSize !== 0) {
    throw new ConnectionError("NOT_IMPLEMENTED", `prefetch_size!=0 (${method.prefetchSize})`);
  }
  // RabbitMQ's reading: not global means each new consumer of the channel, global means all of them together.
  if (method.global) channel.globalPrefetch = method.prefetchCount;
  else channel.prefetch = method.prefetchCount;
  channel.reply({ method: "basic.qos-ok" });
  if (method.global) channel.drainQueues();
}

function basicConsume(channel: Channel, method: amqp.BasicConsume): void {
  const { connection } = channel;
  const tag =
    method.consumerTag === "" ? `amq.ctag-${connection.broker.generateName()}` : method.consumerTag;
  if (channel.consumers.has(tag) || channel.replyConsumer?.tag === tag) {
    throw new ConnectionError("NOT_ALLOWED", `attempt to reuse consumer tag '${tag}'`);
  }
  const answer = (): void => {
    if (!method.nowait) channel.reply({ method: "basic.consume-ok", consumerTag: tag });
  };
  if (method.queue === directReplyTo) {
    consumeReplies(channel, tag, method.noAck);
    return answer();
  }
  const name = nameOrLast(channel, method.queue);
  connection.authorize("consume", "queues", name);
  const queue = connection.vhost.queue(name, connection);
  const inVh = inVhost("queue", name, connection.vhost.name);
  if (queue.hasExclusiveConsumer || (method.exclusive && queue.consumers.length > 0)) {
    throw new ChannelError("ACCESS_REFUSED", `${inVh} in exclusive use`);
  }
  if (method.exclusive && queue.options.settings.singleActiveConsumer) {
    throw new ChannelError("ACCESS_REFUSED", `${inVh} has single active consumer enabled`);
  }
  if (queue.options.settings.type === "quorum" && channel.globalPrefetch > 0) {
    throw new ConnectionError("NOT_IMPLEMENTED", `${inVh} does not support global qos`);
  }
  const priority = integerOf(method.arguments.get("x-priority")) ?? 0;
  const { noAck, exclusive } = method;
  const consumer = new ChannelConsumer(channel, queue, {
    tag,
    noAck,
    exclusive,
    priority,
    arguments: method.arguments,
  });
  channel.consumers.set(tag, consumer);
  answer(); // before the first delivery, as clients expect
  queue.addConsumer(consumer);
  queue.drain();
}

function consumeReplies(channel: Channel, tag: string, noAck: boolean): void {
  if (!noAck) throw new ChannelError("PRECONDITION_FAILED", "reply consumer cannot acknowledge");
  if (channel.replyConsumer !== undefined) {
    throw new ChannelError("PRECONDITION_FAILED", "reply consumer already set");
  }
  const { broker } = channel.connection;
  const key = broker.generateName();
  channel.replyConsumer = { tag, key };
  broker.replyChannels.set(key, channel);
}

function basicCancel(channel: Channel, method: amqp.BasicCancel): void {
  const { consumerTag } = method;
  const consumer = channel.consumers.get(consumerTag);
  if (consumer !== undefined) channel.cancel(consumer);
  else if (channel.replyConsumer?.tag === consumerTag) {
    channel.connection.broker.replyChannels.delete(channel.replyConsumer.key);
    channel.replyConsumer = undefined;
  }
  if (!method.nowait) channel.reply({ method: "basic.cancel-ok", consumerTag });
}

function basicGet(channel: Channel, method: amqp.BasicGet): void {
  const { connection } = channel;
  const name = nameOrLast(channel, method.queue);
  connection.authorize("consume", "queues", name);
  const queue = connection.vhost.queue(name, connection);
  const entry = queue.get(method.noAck);
  const { totals } = queue;
  if (entry === undefined) {
    totals.getEmpty += 1;
    return channel.reply({ method: "basic.get-empty", clusterId: "" });
  }
  if (method.noAck) totals.deliveredGetAutoAck += 1;
  else totals.deliveredGetManualAck += 1;
  if (entry.redelivered) totals.redelivered += 1;
  channel.deliverGet(queue, entry, method.noAck);
}

/** An empty queue name means the queue that the channel declared last (§1.7.2). */
function nameOrLast(channel: Channel, name: string): string {
  if (name !== "") return name;
  if (channel.lastQueue === "") throw new ChannelError("NOT_FOUND", "no previously declared queue");
  return channel.lastQueue;
}

function onDefaultExchange(): ChannelError {
  return new ChannelError("ACCESS_REFUSED", "operation not permitted on the default exchange");
}

function cannotSwitch(from: string, to: string): ChannelError {
  return new ChannelError("PRECONDITION_FAILED", `cannot switch from ${from} to ${to} mode`);
}

function needsTransaction(channel: Channel): void {
  if (channel.mode !== "tx")
    throw new ChannelError("PRECONDITION_FAILED", "channel is not transactional");
}
