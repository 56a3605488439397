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

/** @param now RFC 3339; an equal condition stays as it is */
export function withCondition<C extends AnyCondition>(
  conditions: readonly C[] = [],
  condition: C,
  now: string,
): readonly C[] {
  const there = conditionOf(conditions, condition.type);
  const { status, reason, message } = condition;
  if (there?.status === status && there.reason === reason && there.message === message)
    return conditions;
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
