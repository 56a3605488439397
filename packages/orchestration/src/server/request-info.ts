// What a request is about, read from its method and path (Kubernetes API concepts, "Resource URIs").

export interface ResourceRequest {
  readonly isResource: true;
  /** get, list, watch, create, update, patch, delete, deletecollection. */
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  /** What the field selector of a list or watch narrows it to. */
  readonly selected?: { readonly name?: string; readonly namespace?: string };
}

export interface PathRequest {
  readonly isResource: false;
  /** The method in lower case, as RBAC names it for paths that are no resources. */
  readonly verb: string;
  readonly path: string;
}

export type RequestInfo = ResourceRequest | PathRequest;

const verbOf: Readonly<Record<string, string>> = {
  POST: "create",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
};

/** @param method of HTTP, in capitals */
export function requestInfo(method: string, url: URL): RequestInfo {
  const path = { isResource: false, verb: method.toLowerCase(), path: url.pathname } as const;
  const segments = url.pathname.split("/").slice(1).map(decodeURIComponent);
  if (segments.at(-1) === "") segments.pop();
  const [root, ...rest] = segments;
  const isCore = root === "api";
  if ((!isCore && root !== "apis") || rest.length < (isCore ? 2 : 3)) return path;
  const [group, version] = isCore ? ["", rest[0]] : [rest[0], rest[1]];
  const at = scope(rest.slice(isCore ? 1 : 2));
  if (at.resource === undefined) return path;
  const { name } = at;
  const isWatch = isTrue(url.searchParams.get("watch"));
  const read = name !== undefined ? "get" : isWatch ? "watch" : "list";
  const write = method === "DELETE" && name === undefined ? "deletecollection" : verbOf[method];
  const verb = method === "GET" || method === "HEAD" ? read : (write ?? method.toLowerCase());
  return {
    isResource: true,
    verb,
    group: group as string,
    version: version as string,
    resource: at.resource,
    namespace: at.namespace,
    name,
    subresource: at.subresource,
    ...(name === undefined && selectedBy(url.searchParams.get("fieldSelector"))),
  };
}

/** Of an object's own fields those that stand there with one value; nothing where there are none. */
function selectedBy(fieldSelector: string | null): Pick<ResourceRequest, "selected"> {
  if (fieldSelector?.includes("\\") === true) return {}; // an escaped comma parts nothing
  const valueOf = (field: string): string | undefined =>
    new RegExp(`(?:^|,)metadata\\.${field}==?([a-z0-9.-]+)(?=,|$)`).exec(fieldSelector ?? "")?.[1];
  const [name, namespace] = [valueOf("name"), valueOf("namespace")];
  if (name === undefined && namespace === undefined) return {};
  const selected = {
    ...(name !== undefined && { name }),
    ...(namespace !== undefined && { namespace }),
  };
  return { selected };
}

function scope(parts: readonly string[]): {
  namespace?: string;
  resource?: string;
  name?: string;
  subresource?: string;
} {
  // `namespaces/x` and its status and finalize are the namespace itself; anything longer lies in it.
  const inside = parts[0] === "namespaces" && parts.length > 2;
  if (inside && parts[2] !== "status" && parts[2] !== "finalize") {
    const [, namespace, resource, name, ...sub] = parts;
    return of({ namespace, resource, name, sub });
  }
  const [resource, name, ...sub] = parts;
  const namespace = resource === "namespaces" ? name : undefined;
  return of({ namespace, resource, name, sub });
}

function of(parts: {
  namespace: string | undefined;
  resource: string | undefined;
  name: string | undefined;
  sub: readonly string[];
}): ReturnType<typeof scope> {
  const { namespace, resource, name, sub } = parts;
  return {
    ...(namespace !== undefined && { namespace }),
    ...(resource !== undefined && { resource }),
    ...(name !== undefined && { name }),
    ...(sub.length > 0 && { subresource: sub.join("/") }),
  };
}

/** How query parameters say yes. */
export function isTrue(value: string | null): boolean {
  return value !== null && value !== "" && value !== "0" && value !== "false";
}
