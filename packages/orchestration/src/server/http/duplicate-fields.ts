// Fields that stand twice in one JSON object: JSON.parse keeps the last and says nothing, strict clients want to hear of it.

/** An object or array that is open at some place of the text. */
interface Frame {
  /** Of an object, the names so far. */
  readonly names: Set<string> | undefined;
  /** The field or item that is being read. */
  at: string | number;
  expectsName: boolean;
}

/** @param text JSON that has been parsed without an error @returns paths of what stands there again, as `spec.replicas` */
export function duplicateFields(text: string): string[] {
  const found: string[] = [];
  const frames: Frame[] = [];
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],]/g)) {
    const frame = frames.at(-1);
    if (token === "{") frames.push({ names: new Set(), at: "", expectsName: true });
    else if (token === "[") frames.push({ names: undefined, at: 0, expectsName: false });
    else if (token === "}" || token === "]") frames.pop();
    else if (token === ",") next(frame as Frame);
    else if (frame?.expectsName === true) {
      frame.at = JSON.parse(token) as string;
      frame.expectsName = false;
      if (frame.names?.has(frame.at) === true) found.push(pathOf(frames));
      frame.names?.add(frame.at);
    }
  }
  return found;
}

function next(frame: Frame): void {
  if (typeof frame.at === "number") frame.at += 1;
  else frame.expectsName = true;
}

function pathOf(frames: readonly Frame[]): string {
  return frames
    .map(({ at }, i) => (typeof at === "number" ? `[${at}]` : i === 0 ? at : `.${at}`))
    .join("");
}
