// Which roles exist from the first start.
import type { Role } from "./rules.ts";

const read = ["get", "list", "watch"];
const messaging = "messaging.warrener.dev";
const files = "files.warrener.dev";

/** Bound by name; whoever opens the store finds exactly these, so that an upgrade brings their new rules along. */
export const builtInRoles: readonly Role[] = [
  { name: "admin", rules: [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }] },
  {
    name: "developer",
    rules: [
      { apiGroups: [messaging, files], resources: ["*"], verbs: ["*"] },
      { apiGroups: ["*"], resources: ["modules"], verbs: read },
      { apiGroups: ["monitoring.warrener.dev"], resources: ["*"], verbs: read },
    ],
  },
  {
    name: "viewer",
    rules: [
      {
        apiGroups: [messaging, files, "monitoring.warrener.dev"],
        resources: ["*"],
        verbs: read,
      },
    ],
  },
  {
    name: "worker",
    rules: [
      // A worker declares its queue with its retry queues, so it must be able to create; it never deletes or purges.
      {
        apiGroups: [messaging],
        resources: ["*"],
        verbs: [...read, "create", "publish", "consume"],
      },
      // It fetches what a reference message points to, and its results are files.
      { apiGroups: [files], resources: ["files"], verbs: [...read, "create"] },
    ],
  },
];
