// Synthetic visits: the same for the same seed, with a few rows that no honest form would hold.

/** The columns of the file, in order. */
export const columns = [
  "visit_id",
  "officer_id",
  "officer_name",
  "district",
  "village",
  "latitude",
  "longitude",
  "visit_date",
  "start_time",
  "duration_min",
  "household_id",
  "household_size",
  "children_under_5",
  "children_vaccinated",
  "smallest_muac_mm",
  "water_source",
  "water_minutes",
  "latrine",
  "consent",
  "notes",
] as const;

export type VisitRow = Record<(typeof columns)[number], string>;

const districts = [
  "Amberlow",
  "Brackwater",
  "Cindervale",
  "Dunmere",
  "Eastholt",
  "Fennick",
  "Gorsemoor",
  "Hollinsea",
];
const villages = ["Upper Mill", "Stone Ford", "Old Well", "Three Oaks", "River End", "Market Hill"];
const officers = [
  "Ada Quill",
  "Bram Oster",
  "Cleo Marsh",
  "Dario Venn",
  "Ines Halloway",
  "Jonah Petrel",
  "Mira Solano",
  "Otis Wren",
];
const waters = ["piped", "borehole", "well", "river", "rain"];
const notes = [
  "",
  "",
  "",
  "",
  "asked for a second visit",
  'head of household: "come on market day"',
  "road cut, came on foot;\nback by boat",
  "dog, two goats",
];

/** What is wrong with a bad row: one after another, so that each kind occurs. */
const faults: readonly ((row: VisitRow) => Partial<VisitRow>)[] = [
  () => ({ visit_date: "2205-02-01" }),
  () => ({ household_size: "0" }),
  () => ({ latitude: "951.2" }),
  () => ({ consent: "" }),
  ({ children_under_5 }) => ({ children_vaccinated: String(Number(children_under_5) + 3) }),
];
const badEvery = 487;

/** A small, fast generator of numbers from 0 to below 1 (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** @param count rows without the header */
export function* visits(count: number, seed: number): Generator<VisitRow> {
  const random = seeded(seed);
  for (let at = 1; at <= count; at += 1) {
    const row = visit(at, random);
    const bad = at % badEvery === 13;
    yield bad ? { ...row, ...faults[Math.floor(at / badEvery) % faults.length]?.(row) } : row;
  }
}

function visit(at: number, random: () => number): VisitRow {
  const whole = (least: number, most: number): number =>
    least + Math.floor(random() * (most - least + 1));
  const pick = (list: readonly string[]): string => list[whole(0, list.length - 1)] as string;
  const two = (value: number): string => String(value).padStart(2, "0");
  const officer = whole(0, officers.length - 1);
  const size = whole(1, 9);
  const children = whole(0, Math.min(4, size - 1));
  return {
    visit_id: `V${String(at).padStart(7, "0")}`,
    officer_id: `F${two(officer + 1)}`,
    officer_name: officers[officer] as string,
    district: pick(districts),
    village: pick(villages),
    latitude: (random() * 4 - 2).toFixed(5),
    longitude: (30 + random() * 4).toFixed(5),
    visit_date: `2025-${two(whole(1, 12))}-${two(whole(1, 28))}`,
    start_time: `${two(whole(6, 17))}:${two(whole(0, 59))}`,
    duration_min: String(whole(8, 75)),
    household_id: `H${String(whole(1, 999_999)).padStart(6, "0")}`,
    household_size: String(size),
    children_under_5: String(children),
    children_vaccinated: String(whole(0, children)),
    smallest_muac_mm: children === 0 ? "" : String(whole(105, 165)),
    water_source: pick(waters),
    water_minutes: String(whole(0, 90)),
    latrine: random() < 0.7 ? "yes" : "no",
    consent: "yes",
    notes: pick(notes),
  };
}

/** One line of CSV, quoted as RFC 4180 says. */
export function csvLine(cells: readonly string[]): string {
  return `${cells.map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(",")}\r\n`;
}

/** The whole file, a piece at a time. */
export function* visitsCsv(count: number, seed: number): Generator<string> {
  yield csvLine(columns);
  let piece = "";
  for (const row of visits(count, seed)) {
    piece += csvLine(columns.map((column) => row[column]));
    if (piece.length < 64 * 1024) continue;
    yield piece;
    piece = "";
  }
  if (piece !== "") yield piece;
}
