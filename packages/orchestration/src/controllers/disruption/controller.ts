// Keeps every PodDisruptionBudget's status true, which evictions and the scheduler go by.
import { type Kind, kinds } from "../../api/kinds.ts";
import { change } from "../../client/client.ts";
import { keyOf, splitKey } from "../../client/informer.ts";
import { labelSelectorMatches } from "../../server/selectors/selectors.ts";
import { type Controller, type ControllerContext, itself, related } from "../runtime/controller.ts";
import { asksForScale, budgetStatus, nextExpiryInMs, withBudgetStatus } from "./budget.ts";
import { expectedScaleIn } from "./expected-scale.ts";

export function disruptionController(context: ControllerContext): Controller {
  const { client, clock, informers } = context;
  const budgets = informers.of(kinds.podDisruptionBudgets);
  const pods = informers.of(kinds.pods);
  const expectedScale = expectedScaleIn(informers);

  /** How many pods an owner wants concerns the budgets of its namespace. */
  const scalers: readonly Kind[] = [kinds.deployments, kinds.replicaSets, kinds.statefulSets];
  const scale = scalers.map((kind) =>
    related(kind, ({ metadata }) =>
      budgets
        .list(metadata.namespace)
        .filter(({ spec }) => asksForScale(spec))
        .map(keyOf),
    ),
  );

  return {
    name: "disruption-controller",
    watches: [
      itself(kinds.podDisruptionBudgets),
      related(kinds.pods, ({ metadata }) =>
        budgets
          .list(metadata.namespace)
          .filter(({ spec }) => labelSelectorMatches(spec.selector, metadata.labels))
          .map(keyOf),
      ),
      ...scale,
    ],
    async reconcile(key) {
      const { namespace, name } = splitKey(key);
      const budget = budgets.get(namespace, name);
      if (budget === undefined) return undefined;
      const nowMs = clock.nowMs();
      const kind = kinds.podDisruptionBudgets;
      const written = await change(client, kind, budget, { status: true }, (current) => {
        const selected = pods
          .list(namespace)
          .filter(({ metadata }) => labelSelectorMatches(current.spec.selector, metadata.labels));
        const expected = asksForScale(current.spec)
          ? expectedScale(selected)
          : { pods: selected.length };
        return withBudgetStatus(current, budgetStatus(current, selected, expected, nowMs));
      });
      const waitMs = written?.status && nextExpiryInMs(written.status, nowMs);
      return waitMs === undefined ? undefined : { requeueAfterMs: waitMs };
    },
  };
}
