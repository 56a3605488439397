// A ValidatingAdmissionPolicy as it is evaluated: its expressions compiled once, its variables worked out when they are asked for.
import type { KubeObject } from "../../../api/object.ts";
import type { ValidatingAdmissionPolicy } from "../../../api/types.generated.ts";
import { compile, type Program } from "../../../cel/cel.ts";
import type { AdmissionRequest } from "../../registry/admission.ts";
import { celVariables } from "../request-fields.ts";

const names = ["object", "oldObject", "request", "params", "namespaceObject", "variables"] as const;

export interface Violation {
  readonly message: string;
  /** Reason of the answer's Status, default Invalid. */
  readonly reason: string;
}

export interface PolicyInput {
  readonly request: AdmissionRequest;
  readonly namespace: KubeObject | undefined;
  readonly params: KubeObject | undefined;
}

interface Validation {
  readonly holds: Program;
  readonly text: Program | undefined;
  readonly message: string;
  readonly reason: string;
}

export class CompiledPolicy {
  readonly #conditions: readonly Program[];
  readonly #variables: readonly (readonly [string, Program])[];
  readonly #validations: readonly Validation[];

  /** @throws Error naming the expression that cannot be compiled */
  constructor({ spec }: ValidatingAdmissionPolicy) {
    const program = (expression: string): Program => {
      try {
        return compile(expression, names);
      } catch (cause) {
        throw new Error(`${JSON.stringify(expression)}: ${(cause as Error).message}`, { cause });
      }
    };
    this.#conditions = (spec.matchConditions ?? []).map(({ expression }) => program(expression));
    this.#variables = (spec.variables ?? []).map(({ name, expression }) => [
      name,
      program(expression),
    ]);
    this.#validations = (spec.validations ?? []).map(
      ({ expression, message, messageExpression, reason }) => ({
        holds: program(expression),
        text: messageExpression === undefined ? undefined : program(messageExpression),
        message: message ?? `failed expression: ${expression}`,
        reason: reason ?? "Invalid",
      }),
    );
  }

  /** @throws Error when an expression cannot be evaluated; the policy's `failurePolicy` says what then */
  violations(input: PolicyInput): readonly Violation[] {
    const values = this.#values(input);
    if (!this.#conditions.every((condition) => condition(values) === true)) return [];
    return this.#validations
      .filter(({ holds }) => holds(values) !== true)
      .map(({ text, message, reason }) => ({
        message: text === undefined ? message : String(text(values)),
        reason,
      }));
  }

  #values({ request, namespace, params }: PolicyInput): Readonly<Record<string, unknown>> {
    const variables = {};
    const values = {
      ...celVariables(request, { params, namespaceObject: namespace }),
      variables,
    };
    for (const [name, program] of this.#variables) {
      let value: { readonly is: unknown } | undefined;
      Object.defineProperty(variables, name, {
        enumerable: true,
        get: () => (value ??= { is: program(values) }).is,
      });
    }
    return values;
  }
}
