// `pods/log`: what a container wrote, as plain text, perhaps for as long as it writes (core/v1 PodLogOptions).
import { StatusError } from "../../api/status.ts";
import type { LogQuery } from "../../node/node-streams.ts";
import type { Answer } from "../http/answer.ts";
import { count, flag, type ResourceApiRequest } from "../http/api-request.ts";
import type { Registry } from "../registry/registry.ts";
import { chosenContainer } from "../streams/chosen-container.ts";
import { type NodeStreamsOf, nodeOf, podOf } from "../streams/edge/pod-connections.ts";

/** So much may wait for a slow client; then the log is read no faster than it takes. */
const bufferedBytesMax = 1024 * 1024;

/** @returns the answer to each request for a log */
export function podLogs(
  registry: Registry,
  nodes: NodeStreamsOf,
  now: () => number,
): (request: ResourceApiRequest) => Promise<Answer> {
  return async (request) => {
    const pod = await podOf(registry, request);
    const container = chosenContainer(pod, request.url.searchParams.get("container"));
    const node = nodeOf(pod, nodes);
    const { namespace = "", name = "" } = pod.metadata;
    const query = logQuery(request, now());
    const gone = new AbortController();
    const chunks = node.logs({ namespace, pod: name, container }, query, gone.signal);
    const iterator = chunks[Symbol.asyncIterator]();
    // The first chunk tells whether there is a log at all: a refusal is still an answer with its own code.
    const first = query.follow === true ? undefined : await iterator.next();
    return {
      kind: "stream",
      contentType: "text/plain; charset=utf-8",
      run: async (sink, signal) => {
        signal.addEventListener("abort", () => gone.abort(), { once: true });
        let step = first ?? (await iterator.next());
        for (; step.done !== true && !signal.aborted; step = await iterator.next()) {
          sink.write(step.value);
          if (sink.bufferedBytes > bufferedBytesMax) await sink.drained();
        }
        sink.end();
      },
    };
  };
}

function logQuery(request: ResourceApiRequest, nowMs: number): LogQuery {
  const sinceSeconds = count(request, "sinceSeconds");
  const sinceTime = request.url.searchParams.get("sinceTime");
  const tailLines = count(request, "tailLines");
  const limitBytes = count(request, "limitBytes");
  const sinceMs =
    sinceSeconds !== undefined
      ? nowMs - sinceSeconds * 1000
      : sinceTime === null
        ? undefined
        : Date.parse(sinceTime);
  if (sinceMs !== undefined && Number.isNaN(sinceMs))
    throw new StatusError("BadRequest", `sinceTime=${sinceTime ?? ""} is no RFC 3339 time`);
  return {
    follow: flag(request, "follow"),
    previous: flag(request, "previous"),
    timestamps: flag(request, "timestamps"),
    ...(tailLines !== undefined && { tailLines }),
    ...(limitBytes !== undefined && { limitBytes }),
    ...(sinceMs !== undefined && { sinceMs }),
  };
}
