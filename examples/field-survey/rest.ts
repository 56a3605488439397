// The four REST calls that the survey makes.

export interface Journey {
  readonly rows: Readonly<
    Record<"queued" | "done" | "dead" | "retries" | "waiting" | "rejected", number>
  >;
  readonly sends: readonly { readonly id: string; readonly state: string }[];
  readonly dead: readonly { readonly row: number; readonly error?: string }[];
}

export class Rest {
  readonly url: string;
  readonly #token: string;

  constructor({ url, token }: { readonly url: string; readonly token: string }) {
    this.url = url;
    this.#token = token;
  }

  /** @param origin the file that this one is a result of */
  async upload(name: string, body: RequestInit["body"], origin?: string): Promise<string> {
    const headers = {
      "content-type": "text/csv",
      ...(origin ? { "x-warrener-origin": origin } : {}),
    };
    const path = `/api/v1/files?name=${encodeURIComponent(name)}`;
    const init = { method: "POST", headers, body: body ?? null, duplex: "half" } as const;
    return ((await (await this.#call(path, init)).json()) as { id: string }).id;
  }

  async send(file: string, queue: string): Promise<void> {
    await this.#call(`/api/v1/files/${file}/send`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ queue, as: "rows" }),
    });
  }

  /** Each new state of a file's journey, as server-sent events bring it. */
  async *journey(file: string): AsyncGenerator<Journey> {
    const answer = await this.#call(`/api/v1/files/${file}/journey`, {
      headers: { accept: "text/event-stream" },
    });
    let rest = "";
    const text = (answer.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream());
    for await (const piece of text) {
      rest += piece;
      const events = rest.split("\n\n");
      rest = events.pop() ?? "";
      for (const event of events) {
        const data = /^data: (.*)$/m.exec(event)?.[1];
        if (data !== undefined && data !== "{}") yield JSON.parse(data) as Journey;
      }
    }
  }

  async #call(path: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set("authorization", `Bearer ${this.#token}`);
    const answer = await fetch(this.url + path, { ...init, headers });
    if (answer.ok) return answer;
    const { detail, remedy } = (await answer.json()) as { detail?: string; remedy?: string };
    throw new Error(`${detail ?? answer.statusText}; ${remedy ?? ""}`);
  }
}
