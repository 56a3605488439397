// What the broker counts since it started; plain numbers, because these lines run for every message.

export interface GlobalCounters {
  messagesReceived: number;
  messagesReceivedConfirm: number;
  messagesConfirmed: number;
  messagesRouted: number;
  messagesUnroutableDropped: number;
  messagesUnroutableReturned: number;
  messagesDeliveredConsumeAutoAck: number;
  messagesDeliveredConsumeManualAck: number;
  messagesDeliveredGetAutoAck: number;
  messagesDeliveredGetManualAck: number;
  messagesGetEmpty: number;
  messagesRedelivered: number;
  messagesAcknowledged: number;
  deadLettered: Record<
    "expired" | "rejected" | "maxlen" | "delivery_limit",
    { at_most_once: number; disabled: number }
  >;
  connectionsOpened: number;
  connectionsClosed: number;
  channelsOpened: number;
  channelsClosed: number;
  queuesDeclared: number;
  queuesCreated: number;
  queuesDeleted: number;
  authAttempts: number;
  authFailed: number;
  incomingBytes: number;
  outgoingBytes: number;
  incomingPackets: number;
  outgoingPackets: number;
}

export function newCounters(): GlobalCounters {
  const dead = (): { at_most_once: number; disabled: number } => ({ at_most_once: 0, disabled: 0 });
  return {
    messagesReceived: 0,
    messagesReceivedConfirm: 0,
    messagesConfirmed: 0,
    messagesRouted: 0,
    messagesUnroutableDropped: 0,
    messagesUnroutableReturned: 0,
    messagesDeliveredConsumeAutoAck: 0,
    messagesDeliveredConsumeManualAck: 0,
    messagesDeliveredGetAutoAck: 0,
    messagesDeliveredGetManualAck: 0,
    messagesGetEmpty: 0,
    messagesRedelivered: 0,
    messagesAcknowledged: 0,
    deadLettered: { expired: dead(), rejected: dead(), maxlen: dead(), delivery_limit: dead() },
    connectionsOpened: 0,
    connectionsClosed: 0,
    channelsOpened: 0,
    channelsClosed: 0,
    queuesDeclared: 0,
    queuesCreated: 0,
    queuesDeleted: 0,
    authAttempts: 0,
    authFailed: 0,
    incomingBytes: 0,
    outgoingBytes: 0,
    incomingPackets: 0,
    outgoingPackets: 0,
  };
}
