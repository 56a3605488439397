// The survey's file, its schema and its sums.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Tally } from "../../tally.ts";
import { visitSchema } from "../../visit-schema.ts";
import { columns, csvLine, visits, visitsCsv } from "../../visits.ts";

const today = "2026-01-31";

test("the same seed makes the same file, another one another", () => {
  const file = (seed: number): string => [...visitsCsv(50, seed)].join("");
  assert.equal(file(7), file(7));
  assert.notEqual(file(7), file(8));
  assert.equal(file(7).split("\r\n").length, 52);
});

test("a cell is quoted when it has to be", () => {
  assert.equal(
    csvLine(["a", 'say "no"', "x,y", "one\ntwo"]),
    'a,"say ""no""","x,y","one\ntwo"\r\n',
  );
  assert.equal(columns.length, 20);
});

test("exactly the planted rows are refused, each of the five faults at its place", () => {
  const schema = visitSchema(today);
  const refused = [...visits(10_000, 7)].flatMap((row, at) => {
    const { error } = schema.safeParse(row);
    return error === undefined ? [] : [{ row: at + 1, path: error.issues[0]?.path.join(".") }];
  });
  assert.deepEqual(refused.slice(0, 5), [
    { row: 13, path: "visit_date" },
    { row: 500, path: "household_size" },
    { row: 987, path: "latitude" },
    { row: 1474, path: "consent" },
    { row: 1961, path: "children_vaccinated" },
  ]);
  assert.equal(refused.length, 21);
});

test("visits are summed up per district", () => {
  const tally = new Tally();
  const visit = {
    household_size: 4,
    children_under_5: 2,
    children_vaccinated: 1,
    duration_min: 30,
  };
  tally.add({ district: "Dunmere", ...visit });
  tally.add({ district: "Amberlow", ...visit });
  tally.add({ district: "Dunmere", ...visit, children_vaccinated: 2, duration_min: 45 });
  assert.equal(tally.visits, 3);
  assert.deepEqual(tally.toCsv().trimEnd().split("\r\n"), [
    "district,visits,people,children_under_5,vaccinated_percent,minutes_per_visit",
    "Amberlow,1,4,2,50.0,30.0",
    "Dunmere,2,8,4,75.0,37.5",
  ]);
});
