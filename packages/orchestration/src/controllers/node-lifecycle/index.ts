// The face of the node lifecycle.
export { taintEvictionController } from "./eviction-controller.ts";
export { nodeHealthController } from "./health-controller.ts";
export {
  defaultNodeLifecycleProfile,
  type NodeLifecycleProfile,
  nodeLifecycleProfiles,
} from "./profiles.ts";
