// What a row must be to count as a visit.
import { z } from "zod";

const number = (least: number, most: number): z.ZodType<number, string> =>
  z
    .string()
    .regex(/^-?\d+(\.\d+)?$/, "not a number")
    .transform(Number)
    .pipe(z.number().min(least).max(most));

const shape = z.object({
  visit_id: z.string().regex(/^V\d+$/),
  officer_id: z.string().min(1),
  district: z.string().min(1),
  latitude: number(-90, 90),
  longitude: number(-180, 180),
  visit_date: z.iso.date(),
  duration_min: number(1, 600),
  household_size: number(1, 40),
  children_under_5: number(0, 20),
  children_vaccinated: number(0, 20),
  consent: z.literal("yes", "no consent"),
});

/** @param today no visit can be later, as `2026-01-31` */
export function visitSchema(today: string): typeof shape {
  return shape
    .refine(({ visit_date }) => visit_date <= today, {
      path: ["visit_date"],
      message: "is in the future",
    })
    .refine((visit) => visit.children_vaccinated <= visit.children_under_5, {
      path: ["children_vaccinated"],
      message: "more than there are children",
    });
}
