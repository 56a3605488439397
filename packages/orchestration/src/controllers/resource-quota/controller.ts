// Writes into every ResourceQuota how much of it is used.
import { isDeepStrictEqual } from "node:util";
import { type Kind, kinds } from "../../api/kinds.ts";
import { type Quantity, zero } from "../../api/quantity.ts";
import { resourceList, sum } from "../../api/resource-list.ts";
import type { ResourceQuota, ResourceQuotaStatus } from "../../api/types.generated.ts";
import { change } from "../../client/client.ts";
import { keyOf, splitKey } from "../../client/informer.ts";
import { limits, quotaUsage } from "../../quota/index.ts";
import { type Controller, type ControllerContext, itself, related } from "../runtime/controller.ts";

/** What changes too often to be worth counting. */
const uncounted: ReadonlySet<Kind> = new Set<Kind>([kinds.events, kinds.leases]);
const counted: readonly Kind[] = Object.values(kinds).filter(
  (kind) => kind.namespaced && !uncounted.has(kind),
);

export function resourceQuotaController(context: ControllerContext): Controller {
  const { client, informers } = context;
  const quotas = informers.of(kinds.resourceQuotas);
  const pictures = counted.map((kind) => ({ kind, informer: informers.of(kind) }));

  function statusOf({ metadata, spec }: ResourceQuota): ResourceQuotaStatus {
    const hard = spec?.hard ?? {};
    const usages = pictures
      .filter(({ kind }) => limits(spec, kind))
      .map(({ kind, informer }) => quotaUsage(spec, kind, informer.list(metadata.namespace)));
    const none = new Map<string, Quantity>(Object.keys(hard).map((name) => [name, zero]));
    return { hard, used: resourceList(sum(none, ...usages)) };
  }

  return {
    name: "resourcequota-controller",
    watches: [
      itself(kinds.resourceQuotas),
      ...counted.map((kind) =>
        related(kind, ({ metadata }) =>
          quotas
            .list(metadata.namespace)
            .filter(({ spec }) => limits(spec, kind))
            .map(keyOf),
        ),
      ),
    ],
    async reconcile(key) {
      const { namespace, name } = splitKey(key);
      const quota = quotas.get(namespace, name);
      if (quota === undefined) return undefined;
      await change(client, kinds.resourceQuotas, quota, { status: true }, (current) => {
        const status = statusOf(current);
        return isDeepStrictEqual(current.status, status) ? current : { ...current, status };
      });
      return undefined;
    },
  };
}
