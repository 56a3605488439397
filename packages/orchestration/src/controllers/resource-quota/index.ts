// The face of quotas' status.
export { resourceQuotaController } from "./controller.ts";
