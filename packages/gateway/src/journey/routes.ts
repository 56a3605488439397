// The doors to a file's journey: as JSON, live as server-sent events, and row by row.
import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Context } from "../context.ts";
import { idOf, requireFile } from "../files/routes.ts";
import { filesGroup, tooMany } from "../http/door.ts";
import { fileParams, refusals } from "../http/schemas.ts";
import { type Outcome, outcomeKinds } from "./core/outcome.ts";
import { readJourney } from "./journey.ts";

const eventEveryMs = 250;
const heartbeatMs = 15_000;
const config = { act: { apiGroup: filesGroup, resource: "files", verb: "get", name: "id" } };

export function journeyRoutes(server: FastifyInstance, context: Context): void {
  let streams = 0;
  server.get(
    "/api/v1/files/:id/journey",
    {
      config,
      schema: {
        tags: ["files"],
        summary: "What became of a file",
        description:
          "With `Accept: text/event-stream` each change comes as an event `journey` whose data is the whole journey and whose id is its revision; with Last-Event-ID nothing comes that was seen before.",
        params: fileParams,
        headers: {
          type: "object",
          properties: { "last-event-id": { type: "string" }, accept: { type: "string" } },
        },
      },
    },
    async (request, reply) => {
      const file = await requireFile(context, idOf(request));
      if (!request.headers.accept?.includes("text/event-stream")) {
        return readJourney(context.records, file);
      }
      if (streams >= context.limits.streamsMax) {
        throw tooMany(`${streams} event streams are open`, 10_000);
      }
      streams += 1;
      const stream = Readable.from(events(context, request, file.id));
      stream.once("close", () => {
        streams -= 1;
      });
      return reply
        .headers({
          "content-type": "text/event-stream; charset=utf-8",
          "cache-control": "no-store",
        })
        .send(stream);
    },
  );
  outcomesRoute(server, context);
}

/** Each event holds everything, so a client that missed some has missed nothing. */
async function* events(
  { records, changes, stopping }: Context,
  request: FastifyRequest,
  id: string,
): AsyncGenerator<string> {
  const gone = new AbortController();
  const signal = AbortSignal.any([gone.signal, stopping]);
  request.socket.once("close", () => gone.abort());
  let seen = Number(request.headers["last-event-id"] ?? -1);
  using watcher = changes.watch(id, signal);
  yield "retry: 2000\n\n";
  while (!signal.aborted) {
    const file = await records.file(id);
    if (file === undefined) {
      yield "event: gone\ndata: {}\n\n";
      return;
    }
    const journey = await readJourney(records, file);
    if (journey.revision !== seen) {
      seen = journey.revision;
      yield `event: journey\nid: ${seen}\ndata: ${JSON.stringify(journey)}\n\n`;
      // What changes meanwhile comes together in the next event.
      await delay(eventEveryMs, undefined, { signal }).catch(() => undefined);
    }
    if (!(await watcher.changed(heartbeatMs)) && !signal.aborted) yield ": still here\n\n";
  }
}

function outcomesRoute(server: FastifyInstance, context: Context): void {
  server.get(
    "/api/v1/files/:id/journey/rows",
    {
      config,
      schema: {
        tags: ["files"],
        summary: "What workers reported, row by row",
        params: fileParams,
        querystring: {
          type: "object",
          additionalProperties: false,
          properties: {
            outcome: { type: "string", enum: outcomeKinds },
            limit: { type: "integer", minimum: 1, maximum: 1000, default: 100 },
            after: { type: "integer", minimum: 0, description: "`next` of the page before" },
          },
        },
        response: {
          200: { description: "A page", type: "object", additionalProperties: true },
          ...refusals,
        },
      },
    },
    async (request) => {
      const file = await requireFile(context, idOf(request));
      const query = request.query as {
        outcome?: Outcome["outcome"];
        limit: number;
        after?: number;
      };
      const found = await context.records.outcomes({
        ...query,
        file: file.id,
        limit: query.limit + 1,
      });
      const items = found.slice(0, query.limit);
      const last = items.at(-1);
      return {
        items: items.map(({ atMs, ...rest }) => ({
          ...rest,
          at: new Date(atMs).toISOString(),
        })),
        ...(found.length > items.length && last ? { next: last.position } : {}),
      };
    },
  );
}
