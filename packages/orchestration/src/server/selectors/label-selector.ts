// What a `labelSelector` query asks for: `app=web,tier in (a,b),!canary`. Refusals are worded as Kubernetes words them.
import { labelCauses } from "../../api/names.ts";
import type { KubeObject } from "../../api/object.ts";
import { StatusError } from "../../api/status.ts";
import {
  isInteger,
  type LabelOperator,
  type LabelRequirement,
  meets,
} from "./label-requirement.ts";

/**
 * Reads a label selector.
 * @param text undefined or empty asks for everything
 * @returns whether an object is asked for
 * @throws StatusError BadRequest
 */
export function parseLabelSelector(text: string | undefined): (object: KubeObject) => boolean {
  const requirements = new Parser(text ?? "").requirements();
  return ({ metadata }) => requirements.every((each) => meets(each, metadata.labels ?? {}));
}

type Token = "identifier" | "end" | "(" | ")" | "," | "!" | "=" | "==" | "!=" | ">" | "<";
interface Lexeme {
  readonly token: Token;
  readonly text: string;
}

const end: Lexeme = { token: "end", text: "" };

function lexemesOf(text: string): readonly Lexeme[] {
  return Array.from(text.matchAll(/(==|!=|[=!(),<>])|[^ \t\r\n=!(),<>]+/g), ([text, symbol]) => ({
    token: (symbol ?? "identifier") as Token,
    text,
  }));
}

const binaryOperators: Readonly<Record<string, LabelOperator>> = {
  in: "in",
  notin: "notin",
  "=": "=",
  "==": "==",
  "!=": "!=",
  ">": "gt",
  "<": "lt",
};

class Parser {
  readonly #lexemes: readonly Lexeme[];
  #at = 0;

  constructor(text: string) {
    this.#lexemes = lexemesOf(text);
  }

  requirements(): readonly LabelRequirement[] {
    const found: LabelRequirement[] = [];
    if (this.#next.token === "end") return found;
    if (!this.#startsRequirement())
      throw refused(`found '${this.#next.text}', expected: !, identifier, or 'end of string'`);
    for (;;) {
      found.push(this.#requirement());
      const { token, text } = this.#take();
      if (token === "end") return found;
      if (token !== ",") throw refused(`found '${text}', expected: ',' or 'end of string'`);
      if (!this.#startsRequirement())
        throw refused(`found '${this.#next.text}', expected: identifier after ','`);
    }
  }

  get #next(): Lexeme {
    return this.#lexemes[this.#at] ?? end;
  }

  #take(): Lexeme {
    const lexeme = this.#next;
    this.#at += 1;
    return lexeme;
  }

  #startsRequirement(): boolean {
    return this.#next.token === "identifier" || this.#next.token === "!";
  }

  #requirement(): LabelRequirement {
    const isNegated = this.#next.token === "!";
    if (isNegated) this.#take();
    const { token, text: key } = this.#take();
    if (token !== "identifier") throw misread(`found '${key}', expected: identifier`);
    for (const { message } of labelCauses({ [key]: "" }, "")) throw misread(`<nil>: ${message}`);
    if (isNegated) return { key, operator: "!", values: [] };
    if (this.#next.token === "end" || this.#next.token === ",")
      return { key, operator: "exists", values: [] };
    const operator = this.#operator();
    const isSet = operator === "in" || operator === "notin";
    const values = isSet ? this.#set() : [this.#exactValue()];
    checkValues(key, operator, values);
    return { key, operator, values };
  }

  #operator(): LabelOperator {
    const { text } = this.#take();
    const operator = Object.hasOwn(binaryOperators, text) ? binaryOperators[text] : undefined;
    if (operator !== undefined) return operator;
    throw misread(`found '${text}', expected: in, notin, =, ==, !=, gt, lt`);
  }

  #exactValue(): string {
    if (this.#next.token === "end" || this.#next.token === ",") return "";
    const { token, text } = this.#take();
    if (token === "identifier") return text;
    throw misread(`found '${text}', expected: identifier`);
  }

  /** Values in parentheses; between two commas, or a comma and a parenthesis, stands the empty value. */
  #set(): readonly string[] {
    const open = this.#take();
    if (open.token !== "(") throw misread(`found '${open.text}' expected: '('`);
    const values = new Set<string>();
    if (this.#next.token === ")") {
      this.#take();
      return [];
    }
    for (;;) {
      values.add(this.#next.token === "identifier" ? this.#take().text : "");
      const { token, text } = this.#take();
      if (token === ")") return [...values].toSorted();
      if (token !== ",") throw misread(`found '${text}', expected: ',' or ')'`);
    }
  }
}

function checkValues(key: string, operator: LabelOperator, values: readonly string[]): void {
  if (values.length === 0)
    throw misread(
      "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty",
    );
  if ((operator === "gt" || operator === "lt") && !isInteger(values[0] ?? "")) {
    const rule = "for 'Gt', 'Lt' operators, the value must be an integer";
    throw misread(`values[0]: Invalid value: ${JSON.stringify(values[0])}: ${rule}`);
  }
  for (const [i, value] of values.entries()) {
    for (const { message } of labelCauses({ value }, ""))
      throw misread(`values[${i}][${key}]: ${message}`);
  }
}

function misread(why: string): StatusError {
  return refused(`unable to parse requirement: ${why}`);
}

function refused(message: string): StatusError {
  return new StatusError("BadRequest", message);
}
