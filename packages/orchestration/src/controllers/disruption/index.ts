// The face of disruption budgets.
export { disruptionController } from "./controller.ts";
