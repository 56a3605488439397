// How the REST API describes itself: OpenAPI 3.1, and a page to try it that needs nothing from elsewhere.
import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { FastifyInstance } from "fastify";

const binary = { schema: { type: "string", contentMediaType: "application/octet-stream" } };

/** Bodies that are streamed or taken as they are: no schema may touch them, so they are described here. */
const rawBodies: Readonly<Record<string, object>> = {
  "/api/v1/files": {
    required: true,
    content: {
      "application/octet-stream": binary,
      "text/csv": { schema: { type: "string" }, example: "name,visits\nAnn,3\n" },
      "multipart/form-data": {
        schema: {
          type: "object",
          required: ["file"],
          properties: { file: binary.schema },
        },
      },
    },
  },
  "/api/v1/queues/{queue}/messages": {
    content: {
      "application/json": { schema: {}, example: { n: 1 } },
      "text/plain": { schema: { type: "string" } },
      "application/octet-stream": binary,
    },
  },
};

/** Registered before the routes, which it collects. */
export async function describeRoutes(server: FastifyInstance): Promise<void> {
  await server.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Warrener",
        version: "1",
        description:
          "Files and messages in, through queues, to workers, and an answer for all of it. Every refusal is problem+json (RFC 9457) with a `remedy`.",
      },
      components: {
        securitySchemes: {
          token: { type: "http", scheme: "bearer", description: "an API token" },
          session: { type: "apiKey", in: "cookie", name: "warrener_session" },
        },
      },
      security: [{ token: [] }, { session: [] }],
    },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, at) =>
        typeof json["$id"] === "string" ? json["$id"] : `def-${at}`,
    },
    transformObject: (document) => {
      if (!("openapiObject" in document)) return {};
      const { openapiObject } = document;
      for (const [path, requestBody] of Object.entries(rawBodies)) {
        const operation = openapiObject.paths?.[path]?.post;
        if (operation) Object.assign(operation, { requestBody });
      }
      return openapiObject;
    },
  });
  await server.register(swaggerUi, {
    routePrefix: "/docs",
    staticCSP: true,
    theme: { title: "REST API · Warrener" },
    uiConfig: { layout: "BaseLayout" }, // without the bar that asks for another server's description
  });
}
