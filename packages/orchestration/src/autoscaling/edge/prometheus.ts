// Asks a Prometheus for one figure (HTTP API, instant queries).
const askedMsMax = 10_000;

/** `data` of an instant query. */
interface QueryData {
  readonly resultType: string;
  readonly result: readonly unknown[];
}

/** @returns the one value that the query gives; 0 where it finds no series @throws Error where it gives several */
export async function askPrometheus(serverAddress: string, query: string): Promise<number> {
  const url = new URL(`${serverAddress.replace(/\/$/, "")}/api/v1/query`);
  url.searchParams.set("query", query);
  const response = await fetch(url, { signal: AbortSignal.timeout(askedMsMax) });
  if (!response.ok) throw new Error(`Prometheus answered ${response.status}`);
  const { data } = (await response.json()) as { readonly data: QueryData };
  return figureIn(data);
}

function figureIn({ resultType, result }: QueryData): number {
  if (resultType === "scalar") return Number(result[1]);
  if (resultType !== "vector") throw new Error(`the query gives a ${resultType}, not one figure`);
  if (result.length > 1) throw new Error(`the query gives ${result.length} series, not one`);
  const [series] = result as readonly { readonly value: readonly [number, string] }[];
  const figure = Number(series?.value[1] ?? 0);
  return Number.isNaN(figure) ? 0 : figure;
}
