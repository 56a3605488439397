// The face of services.
export { serviceAllocationAdmission } from "./admission.ts";
export { startClusterDns } from "./edge/cluster-dns.ts";
export { PortListener } from "./edge/port-listener.ts";
export { type ServiceProxy, startServiceProxy } from "./edge/service-proxy.ts";
