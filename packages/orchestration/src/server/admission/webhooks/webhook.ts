// A webhook as it is asked: its configuration's name, its rules, its conditions compiled once.
import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
} from "../../../api/types.generated.ts";
import { matchVariables } from "../../../api/webhook-rules.ts";
import { compile, type Program } from "../../../cel/cel.ts";

export interface Webhook {
  readonly configuration: string;
  readonly isMutating: boolean;
  readonly definition: MutatingWebhook | ValidatingWebhook;
  /** Whether it is asked a second time when others have changed the object after it. */
  readonly isReinvoked: boolean;
  readonly conditions: readonly Program[];
}

/** In the order in which they are asked: of their configurations' names, and within one as it says. */
export function webhooksOf(
  configurations: readonly (MutatingWebhookConfiguration | ValidatingWebhookConfiguration)[],
): readonly Webhook[] {
  return configurations
    .toSorted((a, b) => ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1))
    .flatMap(({ kind, metadata, webhooks = [] }) =>
      webhooks.map((definition: MutatingWebhook) => ({
        configuration: metadata.name ?? "",
        isMutating: kind === "MutatingWebhookConfiguration",
        definition,
        isReinvoked: definition.reinvocationPolicy === "IfNeeded",
        conditions: (definition.matchConditions ?? []).map(({ expression }) =>
          compiled(expression),
        ),
      })),
    );
}

/** One that cannot be compiled any more fails where it is evaluated: `failurePolicy` says what then. */
function compiled(expression: string): Program {
  try {
    return compile(expression, matchVariables);
  } catch (error) {
    return () => {
      throw error;
    };
  }
}
