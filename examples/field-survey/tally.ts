// Visits summed up per district.
import { csvLine } from "./visits.ts";

type Counted = {
  readonly district: string;
  readonly household_size: number;
  readonly children_under_5: number;
  readonly children_vaccinated: number;
  readonly duration_min: number;
};

interface Sums {
  visits: number;
  people: number;
  children: number;
  vaccinated: number;
  minutes: number;
}

export class Tally {
  readonly #districts = new Map<string, Sums>();

  add(visit: Counted): void {
    const sums = this.#districts.get(visit.district) ?? {
      visits: 0,
      people: 0,
      children: 0,
      vaccinated: 0,
      minutes: 0,
    };
    sums.visits += 1;
    sums.people += visit.household_size;
    sums.children += visit.children_under_5;
    sums.vaccinated += visit.children_vaccinated;
    sums.minutes += visit.duration_min;
    this.#districts.set(visit.district, sums);
  }

  get visits(): number {
    return [...this.#districts.values()].reduce((total, { visits }) => total + visits, 0);
  }

  /** The result: a line per district, in the order of the alphabet. */
  toCsv(): string {
    const header = [
      "district",
      "visits",
      "people",
      "children_under_5",
      "vaccinated_percent",
      "minutes_per_visit",
    ];
    const lines = [...this.#districts]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([district, { visits, people, children, vaccinated, minutes }]) => [
        district,
        String(visits),
        String(people),
        String(children),
        children === 0 ? "" : ((100 * vaccinated) / children).toFixed(1),
        (minutes / visits).toFixed(1),
      ]);
    return [header, ...lines].map(csvLine).join("");
  }
}
