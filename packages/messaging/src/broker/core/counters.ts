// What the broker counts since it started; plain numbers, because these lines run for every message.
import type { DeathReason } from "./queue/dead-letter.ts";

/** What is counted apart for each type of queue. */
export interface QueueTypeCounters {
  acknowledged: number;
  deliveredConsumeAutoAck: number;
  deliveredConsumeManualAck: number;
  deliveredGetAutoAck: number;
  deliveredGetManualAck: number;
  getEmpty: number;
  redelivered: number;
  /** Dead letters: routed on, or dropped because the queue has no dead letter exchange. */
  readonly deadLettered: Readonly<Record<DeathReason, { at_most_once: number; disabled: number }>>;
}

export interface GlobalCounters {
  readonly queueTypes: { readonly classic: QueueTypeCounters; readonly quorum: QueueTypeCounters };
  messagesReceived: number;
  messagesReceivedConfirm: number;
  messagesConfirmed: number;
  messagesRouted: number;
  messagesUnroutableDropped: number;
  messagesUnroutableReturned: number;
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
  return {
    queueTypes: { classic: newQueueTypeCounters(), quorum: newQueueTypeCounters() },
    messagesReceived: 0,
    messagesReceivedConfirm: 0,
    messagesConfirmed: 0,
    messagesRouted: 0,
    messagesUnroutableDropped: 0,
    messagesUnroutableReturned: 0,
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

function newQueueTypeCounters(): QueueTypeCounters {
  const dead = (): { at_most_once: number; disabled: number } => ({ at_most_once: 0, disabled: 0 });
  return {
    acknowledged: 0,
    deliveredConsumeAutoAck: 0,
    deliveredConsumeManualAck: 0,
    deliveredGetAutoAck: 0,
    deliveredGetManualAck: 0,
    getEmpty: 0,
    redelivered: 0,
    deadLettered: { expired: dead(), rejected: dead(), maxlen: dead(), delivery_limit: dead() },
  };
}
