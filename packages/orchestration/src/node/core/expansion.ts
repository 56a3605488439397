// `$(NAME)` in env, command and args (core/v1 EnvVar.value, Container.command).

/** Replaces `$(NAME)`; `$$` is one dollar sign, and a name that is not known stays as it stands. */
export function expand(text: string, env: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$(?:\$|\(([^()]*)\))/g, (found, name: string | undefined) => {
    if (name === undefined) return "$";
    return env[name] ?? found;
  });
}
