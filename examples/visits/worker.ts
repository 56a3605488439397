// A worker that runs as a pod: takes visits from the queue, one message a row, and says what it did.
import { defineWorker, Reject } from "@warrener/messaging";
import { z } from "zod";

const worker = defineWorker({
  queue: "visits",
  schema: z.object({ district: z.string(), children: z.coerce.number().int().nonnegative() }),
  handle: (visit) => {
    if (visit.district === "") throw new Reject("no district"); // a dead letter at once
    console.log(`${visit.district}: ${visit.children}`);
  },
});

const { AMQP_URL = "amqp://127.0.0.1" } = process.env;
const running = await worker.start({ url: AMQP_URL });
console.log("ready");
// What has begun is finished before the pod goes: nothing comes back because of a rollout or a scale-in.
process.once("SIGTERM", () => void running.stop());
