// The face of services.
export { serviceAllocationAdmission } from "./admission.ts";
export { type ServiceProxy, startServiceProxy } from "./edge/service-proxy.ts";
