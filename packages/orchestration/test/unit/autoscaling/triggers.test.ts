import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Pod } from "../../../src/api/types.generated.ts";
import { cronReading, cronWindow } from "../../../src/autoscaling/core/cron-window.ts";
import { deletionCosts } from "../../../src/autoscaling/core/deletion-cost.ts";
import {
  messageRate,
  readingOfFigure,
  thresholdOf,
} from "../../../src/autoscaling/core/trigger-reading.ts";

describe("a figure", () => {
  for (const { does, figure, target, activation, want } of [
    {
      does: "of nothing lets the workload sleep",
      figure: 0,
      target: "5",
      activation: "0",
      want: [false, 0],
    },
    { does: "of one wakes it", figure: 1, target: "5", activation: "0", want: [true, 1] },
    { does: "is rounded up", figure: 11, target: "5", activation: "0", want: [true, 3] },
    {
      does: "must be above the activation value",
      figure: 10,
      target: "5",
      activation: "10",
      want: [false, 2],
    },
  ] as const)
    test(does, () => {
      const reading = readingOfFigure(figure, thresholdOf(target, activation));
      assert.deepEqual(reading, { isActive: want[0], replicas: want[1] });
    });

  for (const target of [undefined, "0", "-1", "many"])
    test(`has no target of ${target}`, () => assert.throws(() => thresholdOf(target), /above 0/));
});

describe("a message rate", () => {
  const at = (seconds: number, published: number) => ({ atMs: seconds * 1000, published });
  for (const { does, samples, now, want } of [
    { does: "of one sample is nothing", samples: [at(0, 50)], now: 0, want: 0 },
    { does: "is counted since the first sample", samples: [at(0, 0), at(5, 50)], now: 5, want: 10 },
    {
      does: "is counted over its window at most",
      samples: [at(0, 0), at(10, 50), at(20, 150)],
      now: 20,
      want: 10,
    },
    {
      does: "falls to nothing when nothing comes",
      samples: [at(0, 0), at(5, 50)],
      now: 15,
      want: 0,
    },
    {
      does: "of a broker that began anew is nothing",
      samples: [at(0, 90), at(5, 3)],
      now: 5,
      want: 0,
    },
  ])
    test(does, () => assert.equal(messageRate(samples, now * 1000, 10_000), want));
});

describe("a cron trigger", () => {
  const office = {
    timezone: "Europe/Berlin",
    start: "0 8 * * *",
    end: "0 18 * * *",
    desiredReplicas: "4",
  };
  for (const { does, now, active, next } of [
    {
      does: "is active from its start",
      now: "2026-01-05T07:00:00Z",
      active: true,
      next: "2026-01-05T17:00:00.000Z",
    },
    {
      does: "is not active from its end",
      now: "2026-01-05T17:00:00Z",
      active: false,
      next: "2026-01-06T07:00:00.000Z",
    },
    {
      does: "follows summer time",
      now: "2026-07-06T06:30:00Z",
      active: true,
      next: "2026-07-06T16:00:00.000Z",
    },
  ])
    test(does, () => {
      const { reading, nextMs } = cronReading(cronWindow(office), Date.parse(now));
      assert.deepEqual(reading, { isActive: active, replicas: active ? 4 : 0 });
      assert.equal(new Date(nextMs).toISOString(), next);
    });

  for (const wrong of [
    { start: "soon" },
    { desiredReplicas: "few" },
    { timezone: "Nowhere/Land" },
    { end: office.start },
  ])
    test(`cannot be with ${JSON.stringify(wrong)}`, () => {
      assert.throws(() => cronWindow({ ...office, ...wrong }));
    });
});

describe("a pod's deletion cost", () => {
  const pod = (name: string, podIP: string): Pod => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: { containers: [] },
    status: { podIP },
  });
  const pods = [
    pod("worker-a", "10.0.0.1"),
    pod("worker-b", "10.0.0.2"),
    pod("worker-a-2", "10.0.0.3"),
  ];
  const consumer = { tag: "amq.ctag-1", connection: "", address: "127.0.0.1:4000", unacked: 3 };
  for (const { does, consumers, want } of [
    { does: "is nothing where nobody consumes", consumers: [], want: [0, 0, 0] },
    {
      does: "is what a connection named after it holds",
      consumers: [{ ...consumer, connection: "visits-1f@worker-b:12" }],
      want: [0, 3, 0],
    },
    {
      does: "is what a consumer tagged with its name holds",
      consumers: [{ ...consumer, tag: "worker-a" }],
      want: [3, 0, 0],
    },
    {
      does: "is not that of a pod whose name begins alike",
      consumers: [{ ...consumer, tag: "worker-a-2" }],
      want: [0, 0, 3],
    },
    {
      does: "is what comes from its address",
      consumers: [{ ...consumer, address: "10.0.0.2:77" }],
      want: [0, 3, 0],
    },
    {
      does: "adds up its consumers",
      consumers: [
        { ...consumer, tag: "worker-a" },
        { ...consumer, tag: "worker-a:2" },
      ],
      want: [6, 0, 0],
    },
    {
      does: "is nothing where no consumer can be told apart",
      consumers: [consumer],
      want: [0, 0, 0],
    },
  ])
    test(does, () => assert.deepEqual([...deletionCosts(pods, consumers).values()], want));
});
