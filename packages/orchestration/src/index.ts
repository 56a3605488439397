// The face of orchestration.
export { builtInResources } from "./api/built-in.ts";
export { type Kind, kinds } from "./api/kinds.ts";
export type { KubeObject, ObjectMeta } from "./api/object.ts";
export type { Resource, Strategy, Subresource, Verb } from "./api/resource.ts";
export { type Status, StatusError } from "./api/status.ts";
export type { Pod, Service } from "./api/types.generated.ts";
export type { Client } from "./client/client.ts";
export { kubeconfigClient } from "./client/kubeconfig-client.ts";
export { systemClock } from "./clock.ts";
export {
  createJoinToken,
  JoinError,
  type JoinProblem,
  joinCluster,
  Membership,
} from "./join/index.ts";
export type { Images } from "./node/core/image.ts";
export type { IsolationWish } from "./node/edge/isolation/detection.ts";
export type { NodeAgent } from "./node/edge/node-agent.ts";
export { startRemoteNode } from "./node/edge/remote-node.ts";
export {
  type Orchestration,
  type OrchestrationOptions,
  startOrchestration,
} from "./orchestration.ts";
export {
  aggregatedDiscovery,
  aggregatedType,
  apiGroup,
  coreVersions,
  groupList,
  resourceList,
} from "./server/discovery.ts";
export { OpenApiDocuments } from "./server/openapi.ts";
export { Registry } from "./server/registry/registry.ts";
export { type RequestInfo, requestInfo } from "./server/request-info.ts";
export { type DurableStore, openStore } from "./store/durable-store.ts";
export { MvccStore } from "./store/mvcc.ts";
export type { ObjectStore } from "./store/store.ts";
