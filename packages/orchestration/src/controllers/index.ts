// The controllers that make workloads true.

import { daemonSetController } from "./daemonset/controller.ts";
import { deploymentController } from "./deployment/controller.ts";
import { replicaSetController } from "./replicaset/controller.ts";
import type { Controller, ControllerContext } from "./runtime/controller.ts";
import { statefulSetController } from "./statefulset/controller.ts";

/** Made before the informers are started, since each asks for those that it needs. */
export function workloadControllers(context: ControllerContext): readonly Controller[] {
  return [
    replicaSetController(context),
    deploymentController(context),
    statefulSetController(context),
    daemonSetController(context),
  ];
}
