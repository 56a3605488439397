// The same random steps on RabbitMQ and on the embedded broker, which must answer alike at every one of them.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { embedded, noRabbitmq, rabbitmq, rabbitmqUrl } from "../fixtures/engines.ts";
import { needs } from "../fixtures/needs.ts";
import { chooseSeed, seededRandom } from "../fixtures/random.ts";
import { drawSteps, type Step } from "../fixtures/random-work.ts";
import { type Answer, StepTaker } from "../fixtures/worker-of-steps.ts";

const seed = chooseSeed("WARRENER_TEST_DIFFERENTIAL_SEED");
const sequences = Number(process.env["WARRENER_TEST_DIFFERENTIAL_SEQUENCES"] ?? 40);
const stepsPerSequence = 100;
const settleMs = 2000;
/** How many steps before a difference are shown. */
const shown = 12;

/** Dead letters move on their own in RabbitMQ, so the counts may take a moment to agree. */
async function agreeOnCounts(left: StepTaker, right: StepTaker): Promise<void> {
  const giveUpAt = Date.now() + settleMs;
  for (;;) {
    const [one, two] = [await left.counts(), await right.counts()];
    if (isDeepStrictEqual(one, two)) return;
    if (Date.now() > giveUpAt) sameAnswer(two, one);
  }
}

/** Says both answers in full, since a difference of long lists is hard to read piece by piece. */
function sameAnswer(ours: Answer, theirs: Answer): void {
  if (isDeepStrictEqual(ours, theirs)) return;
  throw new Error(`RabbitMQ:     ${JSON.stringify(theirs)}\nthe embedded: ${JSON.stringify(ours)}`);
}

async function compare(
  urls: { rabbitmq: string; embedded: string },
  { steps, prefix }: { steps: readonly Step[]; prefix: string },
): Promise<void> {
  await using theirs = await StepTaker.start(urls.rabbitmq, prefix);
  await using ours = await StepTaker.start(urls.embedded, prefix);
  for (const [index, step] of steps.entries()) {
    try {
      const expected = await theirs.take(step);
      sameAnswer(await ours.take(step), expected);
      await agreeOnCounts(theirs, ours);
    } catch (cause) {
      const before = steps
        .slice(Math.max(0, index - shown), index + 1)
        .map((each) => JSON.stringify(each));
      throw new Error(
        `step ${index} of ${prefix} differs\n${before.join("\n")}\n${String(cause)}`,
        { cause },
      );
    }
  }
}

describe(
  `the embedded broker beside RabbitMQ (WARRENER_TEST_DIFFERENTIAL_SEED=${seed})`,
  needs(rabbitmqUrl !== undefined, noRabbitmq),
  () => {
    test(`answers alike in ${sequences} sequences of ${stepsPerSequence} random steps`, async () => {
      await using left = await rabbitmq.start();
      await using right = await embedded.start();
      const differences: string[] = [];
      for (let number = 0; number < sequences; number += 1) {
        const steps = drawSteps(seededRandom(seed + number), stepsPerSequence);
        await compare(
          { rabbitmq: left.url, embedded: right.url },
          { steps, prefix: `diff.${process.pid}.${number}.` },
        ).catch((error: unknown) => differences.push((error as Error).message));
      }
      assert.equal(
        differences.length,
        0,
        `${differences.length} differ\n${differences.slice(0, 5).join("\n\n")}`,
      );
    });
  },
);
