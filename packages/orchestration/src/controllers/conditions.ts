// Conditions of a status: one of each type; the time moves only when the status does.

export interface AnyCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
}

export function conditionOf<C extends AnyCondition>(
  conditions: readonly C[] | undefined,
  type: string,
): C | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/**
 * Sets a condition. One of the same status and reason stays as it is, since messages may name what differs in every try.
 * @param now RFC 3339
 */
export function withCondition<C extends AnyCondition>(
  conditions: readonly C[] = [],
  condition: C,
  now: string,
): readonly C[] {
  const there = conditionOf(conditions, condition.type);
  const { status, reason } = condition;
  if (there?.status === status && there.reason === reason) return conditions;
  const since = there?.status === status ? (there.lastTransitionTime ?? now) : now;
  const written = { ...condition, lastTransitionTime: since };
  if (there === undefined) return [...conditions, written];
  return conditions.map((each) => (each === there ? written : each));
}

export function withoutCondition<C extends AnyCondition>(
  conditions: readonly C[] = [],
  type: string,
): readonly C[] {
  return conditions.filter((condition) => condition.type !== type);
}
