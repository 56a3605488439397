// Paths that are no resources: discovery, schemas, version, health.
import { StatusError } from "../../api/status.ts";
import type { ServiceAccountTokens } from "../auth/service-account-tokens.ts";
import { issuer } from "../auth/service-account-tokens.ts";
import {
  aggregatedDiscovery,
  aggregatedType,
  apiGroup,
  coreVersions,
  groupList,
  resourceList,
} from "../discovery.ts";
import type { OpenApiDocuments } from "../openapi.ts";
import type { ResourceTable } from "../registry/resource-table.ts";
import {
  openApiV2Accepted,
  openApiV2Protobuf,
  openApiV2Type,
} from "../wire/openapi-v2-protobuf.ts";
import { type Answer, json, text } from "./answer.ts";
import { type ApiRequest, header } from "./api-request.ts";
import { wantsAggregatedDiscovery } from "./negotiation.ts";

export interface PathContext {
  readonly resources: ResourceTable;
  readonly openApi: OpenApiDocuments;
  readonly tokens: ServiceAccountTokens;
  /** Host and port of this server. */
  readonly address: () => string;
  /** What stands against serving, by name of the check; undefined for one that is well. */
  readonly checks: () => Readonly<Record<string, string | undefined>>;
}

/** What a server of this version answers to `/version`. */
const versionInfo = {
  major: "1",
  minor: "32",
  gitVersion: "v1.32.0+warrener",
  gitCommit: "",
  gitTreeState: "clean",
  buildDate: "1970-01-01T00:00:00Z",
  goVersion: "",
  compiler: "node",
  platform: `${process.platform}/${process.arch === "x64" ? "amd64" : process.arch}`,
};

/** @throws StatusError NotFound */
export async function handlePath(context: PathContext, request: ApiRequest): Promise<Answer> {
  if (request.method !== "GET" && request.method !== "HEAD")
    throw new StatusError("MethodNotAllowed", `${request.method} is not allowed here`);
  const path = request.url.pathname.replace(/(.)\/$/, "$1");
  switch (path) {
    case "/":
      return json({ paths: pathsOf(context) });
    case "/version":
      return json(versionInfo);
    case "/healthz":
    case "/livez":
    case "/readyz":
      return health(context, path.slice(1), request);
    case "/openapi/v3":
      return json(context.openApi.index());
    case "/openapi/v2":
      return version2(context.openApi, request);
    case "/.well-known/openid-configuration":
      return json({
        issuer,
        jwks_uri: `https://${context.address()}/openid/v1/jwks`,
        response_types_supported: ["id_token"],
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: ["ES256"],
      });
    case "/openid/v1/jwks":
      return {
        ...json(await context.tokens.keys()),
        contentType: "application/jwk-set+json",
      };
    default:
      return discovery(context, path, request);
  }
}

function discovery(context: PathContext, path: string, request: ApiRequest): Answer {
  const { resources, openApi, address } = context;
  const [, root, group, version, ...rest] = path.split("/");
  if (root === "openapi" && group === "v3") return schema(openApi, path);
  if (rest.length > 0 || (root !== "api" && root !== "apis")) throw notServed();
  if (group === undefined) {
    if (wantsAggregatedDiscovery(header(request, "accept")))
      return {
        kind: "json",
        code: 200,
        value: aggregatedDiscovery(resources.all, root === "api"),
        contentType: aggregatedType,
        etag: `"${resources.generation}"`,
      };
    return json(root === "api" ? coreVersions(address()) : groupList(resources.all));
  }
  const found =
    root === "api"
      ? version === undefined && resourceList(resources.all, "", group)
      : version === undefined
        ? apiGroup(resources.all, group)
        : resourceList(resources.all, group, version);
  if (found === undefined || found === false) throw notServed();
  return json(found);
}

function schema(openApi: OpenApiDocuments, path: string): Answer {
  const document = openApi.document(path.slice("/openapi/v3/".length));
  if (document === undefined) throw notServed();
  return { kind: "text", code: 200, text: document, contentType: "application/json" };
}

function version2(openApi: OpenApiDocuments, request: ApiRequest): Answer {
  const document = openApi.version2();
  if (header(request, "accept")?.includes(openApiV2Accepted) !== true) return json(document);
  const octets = openApiV2Protobuf(document);
  return { kind: "octets", code: 200, octets, contentType: openApiV2Type };
}

function notServed(): StatusError {
  return new StatusError("NotFound", "the server could not find the requested resource", {});
}

/** One line a check where `?verbose` asks, or where one is not well. */
function health({ checks }: PathContext, name: string, request: ApiRequest): Answer {
  const results: readonly (readonly [string, string | undefined])[] = [
    ["ping", undefined],
    ...Object.entries(checks()),
  ];
  const isWell = results.every(([, problem]) => problem === undefined);
  if (isWell && !request.url.searchParams.has("verbose")) return text("ok");
  const lines = results.map(([check, problem]) =>
    problem === undefined ? `[+]${check} ok` : `[-]${check} failed: ${problem}`,
  );
  const end = isWell ? `${name} check passed` : `${name} check failed`;
  return text(`${[...lines, end].join("\n")}\n`, isWell ? 200 : 500);
}

function pathsOf({ resources }: PathContext): string[] {
  const groups = new Set(resources.all.map(({ group }) => group));
  const versions = new Set(
    resources.all.map(({ group, version }) =>
      group === "" ? `/api/${version}` : `/apis/${group}/${version}`,
    ),
  );
  const named = [...groups].filter((group) => group !== "").map((group) => `/apis/${group}`);
  return [
    "/api",
    "/apis",
    ...named,
    ...versions,
    "/healthz",
    "/livez",
    "/openapi/v2",
    "/openapi/v3",
    "/readyz",
    "/version",
  ].toSorted();
}
