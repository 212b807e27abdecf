// The OpenAPI document: everything that is served over HTTP, made of the tables by which it is served and of the comments in
// the .proto files.

import type { FastifyInstance } from "fastify";
import { heldExample, queuedExample } from "./native-http-examples.ts";
import { requestFields, requestSchema, responseSchema } from "./native-http-reading.ts";
import { commonRefusals, type NativeRoute, nativeRoutes } from "./native-http-routes.ts";
import { type FieldSchema, type MessageSchema, schemas } from "./native-http-schema.ts";
import { otherOperations } from "./openapi-others.ts";
import {
  type Components,
  fieldSchema,
  type JsonSchema,
  newComponents,
  object,
  requestObject,
} from "./openapi-schemas.ts";

export const openApiPath = "/openapi.json";

/** Adds the document to what is served. It is made when it is first asked for. */
export function addOpenApi(app: FastifyInstance, version: string): void {
  let text: string | null = null;
  app.get(openApiPath, { exposeHeadRoute: false }, (_request, reply) => {
    text ??= JSON.stringify(openApi(version));
    reply.type("application/json").send(text);
  });
}

const introduction = [
  "A distributed lock service: named locks, leases, and fencing tokens that only ever grow. Locks are advisory: hand the fencing",
  "token to whatever the lock protects.\n\n",
  "Names stand in paths percent-encoded, slashes (`%2F`) and colons (`%3A`) included. Numbers of 64 bits are JSON numbers; in",
  "requests, strings of digits will do. A field that is not known is refused. Give every write a `request_id` of your own: after a",
  "503, repeat it with the same one, and nothing is done twice.",
].join(" ");

/** The whole document. */
export function openApi(version: string): JsonSchema {
  const components = newComponents();
  addRefusals(components);
  const paths: Record<string, Record<string, JsonSchema>> = {};
  const add = (path: string, verb: string, operation: JsonSchema): void => {
    paths[path] = { ...paths[path], [verb.toLowerCase()]: operation };
  };
  for (const route of nativeRoutes) add(route.path, route.verb, operation(route, components));
  for (const { path, verb, operation: other } of otherOperations(components)) add(path, verb, other);
  return {
    openapi: "3.1.0",
    info: {
      title: "lockmgr",
      version,
      description: introduction,
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/", description: "This node. Every node of a cluster serves everything." }],
    security: [],
    tags: [
      { name: "leases", description: "Leases: what holds locks, for as long as it is renewed." },
      { name: "locks", description: "Locks: taking them, giving them back, looking at them." },
      { name: "requests", description: "Requests that wait, or have waited." },
      { name: "events", description: "What happens, as Server-Sent Events." },
      { name: "waits", description: "Who waits for whom." },
      { name: "elections", description: "Elections: a lock whose holder is the leader." },
      { name: "leased", description: "The older interface: leases and locks, without waiting." },
      { name: "node", description: "The node itself." },
    ],
    paths,
    components: { schemas: components.all() },
  };
}

function operation(route: NativeRoute, components: Components): JsonSchema {
  const [, tag = ""] = /^\/v1\/(\w+)/.exec(route.path) ?? [];
  const says = schemas()
    .call(route.call)
    // The comment begins with its routes.
    .replace(/^(?:(?:or )?(?:GET|POST|DELETE) \S+(?: for several| \([\w -]+\))?[.,]\s*)+/, "");
  const { inPath, others } = requestFields(route);
  const inQuery = route.verb === "POST" ? [] : others;
  const parameters = [
    ...Object.keys(route.named).map((name) => pathParameter(name, inPath.get(name), route, components)),
    ...inQuery.map((field) => queryParameter(field, route, components)),
    ...(headers[route.style] ?? []),
  ];
  return {
    operationId: operationId(route),
    tags: [tag],
    summary: says.split(/(?<=\.)\s/, 1)[0]?.replace(/\.$/, "") ?? "",
    description: says,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.verb === "POST" ? { requestBody: requestBody(route, others, components) } : {}),
    responses: { ...successes(route, components), ...refusals(route) },
  };
}

function operationId({ call, path }: NativeRoute): string {
  const method = call.slice(call.indexOf("/") + 1);
  const name = method.charAt(0).toLowerCase() + method.slice(1);
  return path === "/v1/locks:acquire" ? `${name}Several` : name;
}

function pathParameter(name: string, field: FieldSchema | undefined, route: NativeRoute, components: Components) {
  const { description, ...schema } =
    field === undefined
      ? { type: "string", description: "Its name. What is meant is said by the fencing token." }
      : fieldSchema(field, components);
  return { name, in: "path", required: true, description, schema, ...exampleOf(name, route) };
}

function queryParameter(field: FieldSchema, route: NativeRoute, components: Components): JsonSchema {
  const { description, ...schema } = fieldSchema(field, components);
  const required = route.required.includes(field.name);
  return { name: field.name, in: "query", required, description, schema, ...exampleOf(field.name, route) };
}

const exampleOf = (name: string, { examples: { parameters = {} } }: NativeRoute): JsonSchema =>
  Object.hasOwn(parameters, name) ? { example: parameters[name] } : {};

const headers: Readonly<Record<string, readonly JsonSchema[]>> = {
  acquired: [
    {
      name: "Prefer",
      in: "header",
      description: "`wait=N`: a request that waits is held for N seconds, not for 55, before it is answered with 202.",
      schema: { type: "string" },
      example: "wait=10",
    },
  ],
  events: [
    {
      name: "Last-Event-ID",
      in: "header",
      description: "The last `id` that was told: the events go on after it, whatever `after_revision` says.",
      schema: { type: "string" },
      example: "1234",
    },
  ],
};

function requestBody(route: NativeRoute, fields: readonly FieldSchema[], components: Components): JsonSchema {
  const { required, examples, single } = route;
  const { name, says } = requestSchema(route);
  const short = name.slice(name.lastIndexOf(".") + 1);
  const schema = components.add(
    single ? short.replace("Request", "OneRequest") : short,
    requestObject(fields, components, { says, required }),
  );
  const isNeeded = required.length > 0 || fields.some(({ oneof }) => oneof !== null);
  return { required: isNeeded, content: json(schema, examples.body) };
}

const json = (schema: JsonSchema, example?: object): JsonSchema => ({
  "application/json": { schema, ...(example === undefined ? {} : { example }) },
});

function successes(route: NativeRoute, components: Components): Record<number, JsonSchema> {
  const schema = responseSchema(route);
  const { style, examples } = route;
  if (style === "events") return { 200: { description: schema.says, content: eventStream(schema, route, components) } };
  if (style === "response") {
    return { 200: { description: schema.says, content: json(components.refer(schema), examples.response) } };
  }
  return {
    200: { description: "The locks are held.", content: json(refer("Acquired"), examples.response) },
    202: {
      description:
        "The request waits, and goes on waiting: repeat it with the same `request_id`, and it is answered in its place.",
      headers: { Location: { description: "Where to repeat it.", schema: { type: "string" } } },
      content: json(refer("Waiting"), queuedExample),
    },
  };
}

function eventStream(schema: MessageSchema, { examples }: NativeRoute, components: Components): JsonSchema {
  const told = examples.response as { readonly revision: number };
  return {
    "text/event-stream": {
      schema: {
        type: "string",
        description:
          "Each message has the revision as its `id` and JSON as its `data`. A line that begins with a colon says nothing. A message " +
          "of type `over` says, as a Refusal, why the stream ends.",
        contentMediaType: "application/json",
        contentSchema: components.refer(schema),
      },
      example: `id: ${told.revision}\ndata: ${JSON.stringify(told)}\n\n`,
    },
  };
}

const refer = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` });

const meanings: Readonly<Record<number, string>> = {
  400: "A field is at fault: the message names it, the problem and the limit.",
  403: "The lease is another owner's.",
  404: "There is no such lease or lock.",
  409: "Somebody is in the way, the wait is over, or to wait would be to wait for ever.",
  410: "Nothing is known any more of what came after that revision: begin anew with 0.",
  412: "The lease has ended, or the fencing token is stale.",
  423: "A lock-delay alone is in the way. `Retry-After` says for how long.",
  429: "Too much is under way.",
  501: "Not served where there are several regions.",
  503: "No leader or no majority can be reached, the outcome is unknown, or the node is stopping: repeat it with the same `request_id`.",
  507: "The disk is nearly full: nothing new is begun.",
};

const retryAfter = {
  "Retry-After": { description: "After how many seconds to try again.", schema: { type: "integer" } },
};

function refusals({ style, refusals: own }: NativeRoute): Record<number, JsonSchema> {
  const codes = [...new Set([...commonRefusals, ...own])].sort((one, other) => one - other);
  return Object.fromEntries(
    codes.map((code) => {
      const isResult = style === "acquired" && [409, 412, 423].includes(code);
      const content = isResult
        ? json(refer("NotAcquired"), code === 409 ? heldExample : undefined)
        : json(refer("Refusal"));
      const hasRetry = [423, 429, 503].includes(code);
      return [code, { description: meanings[code] ?? "", ...(hasRetry ? { headers: retryAfter } : {}), content }];
    }),
  );
}

/** What stands in every refusal, and what came of a request for locks. */
function addRefusals(components: Components): void {
  const properties = {
    code: { type: "integer", description: "The status code of gRPC." },
    message: { type: "string", description: "A sentence for people." },
    reason: { type: "string", description: "One word for programs, for instance `no-leader`, `stale-token`, `held`." },
  };
  const required = Object.keys(properties);
  components.add("Refusal", { type: "object", description: "Why a call has failed.", properties, required });
  const { fields } = schemas().message("lockmgr.v1.AcquireResponse");
  const [granted = [], others = []] = [true, false].map((isGranted) =>
    fields.filter(({ name }) => (name === "granted") === isGranted),
  );
  components.add("Acquired", object(granted, components, { says: "The locks are held.", required: ["granted"] }));
  const not = object(others, components, { says: "Why the locks are not held.", required });
  components.add("NotAcquired", { ...not, properties: { ...properties, ...(not.properties as object) } });
  components.add("Waiting", {
    type: "object",
    description: "A request that waits.",
    properties: {
      queued: components.refer(schemas().message("lockmgr.v1.Queued")),
      request_id: { type: "string", description: "Its name: the client's, or the one that the service chose." },
    },
    required: ["queued", "request_id"],
  });
}
