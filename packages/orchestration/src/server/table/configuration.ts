// Rows of configuration, identities and what may be used: config maps, secrets, quotas.
import type {
  ConfigMap,
  ResourceQuota,
  Secret,
  ServiceAccount,
} from "../../api/types.generated.ts";
import { ageOf, type CellsOf, nameOf } from "./cells.ts";

export const configurationRows: Readonly<Record<string, CellsOf>> = {
  "/configmaps": (map: ConfigMap, nowMs) => [
    nameOf(map),
    Object.keys(map.data ?? {}).length + Object.keys(map.binaryData ?? {}).length,
    ageOf(map, nowMs),
  ],
  "/secrets": (secret: Secret, nowMs) => [
    nameOf(secret),
    secret.type ?? "",
    Object.keys(secret.data ?? {}).length,
    ageOf(secret, nowMs),
  ],
  "/serviceaccounts": (account: ServiceAccount, nowMs) => [
    nameOf(account),
    (account.secrets ?? []).length,
    ageOf(account, nowMs),
  ],
  "/resourcequotas": (quota: ResourceQuota, nowMs) => [
    nameOf(quota),
    ageOf(quota, nowMs),
    usageCell(quota, (resource) => !resource.startsWith("limits")),
    usageCell(quota, (resource) => resource.startsWith("limits")),
  ],
};

/** `pods: 1/10, requests.cpu: 1/2`. */
function usageCell({ status }: ResourceQuota, isShown: (resource: string) => boolean): string {
  return Object.entries(status?.hard ?? {})
    .filter(([resource]) => isShown(resource))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([resource, hard]) => `${resource}: ${status?.used?.[resource] ?? 0}/${hard}`)
    .join(", ");
}
