// The chapters of the AMQP behaviour suite, in the order in which they are best read.
import { acknowledgeCases } from "./acknowledge.ts";
import { bindingCases } from "./bindings.ts";
import { channelCases } from "./channel.ts";
import { confirmCases } from "./confirms.ts";
import { connectionCases } from "./connection.ts";
import { consumeCases } from "./consume.ts";
import type { Chapter } from "./contract.ts";
import { deadLetterCases } from "./dead-letters.ts";
import { errorReplyCases } from "./error-replies.ts";
import { exchangeCases } from "./exchanges.ts";
import { expiryCases } from "./expiry.ts";
import { limitCases } from "./limits.ts";
import { prefetchCases } from "./prefetch.ts";
import { priorityCases } from "./priorities.ts";
import { publishCases } from "./publish.ts";
import { queueCases } from "./queues.ts";
import { replyToCases } from "./reply-to.ts";
import { slowConsumerCases } from "./slow-consumers.ts";
import { transactionCases } from "./transactions.ts";
import { wireProbeCases } from "./wire-probes.ts";

export const chapters: readonly Chapter[] = [
  { title: "connection", cases: connectionCases, concurrent: true },
  { title: "channel", cases: channelCases },
  { title: "exchanges", cases: exchangeCases },
  { title: "bindings", cases: bindingCases },
  { title: "queues", cases: queueCases },
  { title: "publish", cases: publishCases },
  { title: "confirms", cases: confirmCases },
  { title: "consume", cases: consumeCases },
  { title: "acknowledge", cases: acknowledgeCases },
  { title: "prefetch", cases: prefetchCases },
  { title: "transactions", cases: transactionCases },
  { title: "expiry", cases: expiryCases },
  { title: "dead letters", cases: deadLetterCases },
  { title: "limits", cases: limitCases },
  { title: "priorities", cases: priorityCases },
  { title: "direct reply-to", cases: replyToCases },
  { title: "slow consumers", cases: slowConsumerCases },
  { title: "error replies", cases: errorReplyCases },
  { title: "wire probes", cases: wireProbeCases, concurrent: true },
];
