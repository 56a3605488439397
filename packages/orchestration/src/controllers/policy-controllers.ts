// The controllers that hold to what has been allowed: nodes that are lost, disruptions, quotas.
import { disruptionController } from "./disruption/index.ts";
import {
  defaultNodeLifecycleProfile,
  type NodeLifecycleProfile,
  nodeHealthController,
  taintEvictionController,
} from "./node-lifecycle/index.ts";
import { resourceQuotaController } from "./resource-quota/index.ts";
import type { Controller, ControllerContext } from "./runtime/controller.ts";

/** Made before the informers are started, since each asks for those that it needs. */
export function policyControllers(
  context: ControllerContext,
  profile: NodeLifecycleProfile = defaultNodeLifecycleProfile,
): readonly Controller[] {
  return [
    nodeHealthController(context, profile),
    taintEvictionController(context, profile),
    disruptionController(context),
    resourceQuotaController(context),
  ];
}
