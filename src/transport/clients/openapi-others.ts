// What is served over HTTP beside the native interface, as operations of the OpenAPI document: the older interface, whose
// requests may have fields that are not known, and what orchestrators ask.

import { type MessageSchema, schemas } from "./native-http-schema.ts";
import { type Components, fieldSchema, type JsonSchema, object } from "./openapi-schemas.ts";

export interface OtherOperation {
  readonly verb: "GET" | "POST" | "DELETE";
  /** As in OpenAPI. */
  readonly path: string;
  readonly operation: JsonSchema;
}

interface LeasedRow {
  readonly verb: OtherOperation["verb"];
  readonly path: string;
  readonly method: string;
  readonly summary: string;
  readonly refusals: Readonly<Record<number, string>>;
  readonly example?: object;
}

const invalid = { 400: "A field is at fault." };
const unavailable = { 429: "Too much is under way.", 503: "No leader can be reached, or the outcome is unknown." };
const ofLease = { 404: "There is no such lease.", 412: "The lease has ended." };
const ofLock = { 403: "The lease or the lock is another's." };
const unserved = { 501: "The members of a group are fixed when it starts." };

const leasedRows: readonly LeasedRow[] = [
  {
    verb: "POST",
    path: "/v1/lease",
    method: "CreateLease",
    summary: "Opens a lease",
    refusals: { ...invalid, ...unavailable },
    example: { owner_id: "billing-1", ttl_seconds: 10 },
  },
  {
    verb: "POST",
    path: "/v1/lease/renew",
    method: "RenewLease",
    summary: "Renews a lease",
    refusals: { ...invalid, ...ofLease, ...unavailable },
    example: { lease_id: 7 },
  },
  {
    verb: "POST",
    path: "/v1/lock/acquire",
    method: "AcquireLock",
    summary: "Takes a lock under a lease, if nobody holds it",
    refusals: { ...invalid, ...ofLock, ...ofLease, 409: "Somebody else holds the lock.", ...unavailable },
    example: { lock_name: "invoices/2026", owner_id: "billing-1", lease_id: 7 },
  },
  {
    verb: "POST",
    path: "/v1/lock/release",
    method: "ReleaseLock",
    summary: "Gives a lock back",
    refusals: { ...invalid, ...ofLock, ...ofLease, ...unavailable },
    example: { lock_name: "invoices/2026", lease_id: 7 },
  },
  {
    verb: "GET",
    path: "/v1/status",
    method: "GetStatus",
    summary: "Tells how the node sees its group",
    refusals: unavailable,
  },
  {
    verb: "POST",
    path: "/v1/cluster/peers",
    method: "AddPeer",
    summary: "Would add a member; is not served",
    refusals: { ...invalid, ...unserved },
  },
  {
    verb: "DELETE",
    path: "/v1/cluster/peers/{nodeId}",
    method: "RemovePeer",
    summary: "Would remove a member; is not served",
    refusals: { ...invalid, ...unserved },
  },
];

const errorName = "LeasedError";

export function otherOperations(components: Components): readonly OtherOperation[] {
  components.add(errorName, {
    type: "object",
    description: "Why a call of the older interface has failed.",
    properties: {
      code: { type: "integer", description: "The status code of gRPC." },
      message: { type: "string", description: "A sentence for people." },
    },
    required: ["code", "message"],
  });
  return [
    ...leasedRows.map((row) => ({ verb: row.verb, path: row.path, operation: leasedOperation(row, components) })),
    ...nodeOperations,
  ];
}

const error = { "application/json": { schema: { $ref: `#/components/schemas/${errorName}` } } };

function leasedOperation(
  { verb, path, method, summary, refusals, example }: LeasedRow,
  components: Components,
): JsonSchema {
  const request = schemas().message(`lowkey.v1.${method}Request`);
  const response = schemas().message(`lowkey.v1.${method}Response`);
  const parameter = /\{(\w+)\}/.exec(path)?.[1];
  return {
    operationId: `leased${method}`,
    tags: ["leased"],
    summary,
    ...(parameter === undefined
      ? {}
      : { parameters: [{ name: parameter, in: "path", required: true, schema: { type: "string" } }] }),
    ...(verb === "POST" ? { requestBody: body(request, components, example) } : {}),
    responses: {
      200: {
        description: response.says || "Done.",
        content: { "application/json": { schema: leasedResponse(response, components) } },
      },
      ...Object.fromEntries(
        Object.entries(refusals).map(([code, says]) => [code, { description: says, content: error }]),
      ),
    },
  };
}

const body = ({ fields, says }: MessageSchema, components: Components, example?: object): JsonSchema => ({
  required: true,
  content: {
    "application/json": {
      schema: object(fields, components, { says, required: [] }),
      ...(example === undefined ? {} : { example }),
    },
  },
});

/** Lists that are empty are left out. */
const leasedResponse = ({ fields, says }: MessageSchema, components: Components): JsonSchema => ({
  type: "object",
  ...(says === "" ? {} : { description: says }),
  properties: Object.fromEntries(fields.map((field) => [field.name, fieldSchema(field, components)])),
});

const nodeOperations: readonly OtherOperation[] = [
  {
    verb: "GET",
    path: "/healthz",
    operation: nodeOperation("isAlive", "Tells that the node is alive", "It is alive.", "application/json"),
  },
  {
    verb: "GET",
    path: "/readyz",
    operation: nodeOperation("isReady", "Tells whether the node can serve", "It is ready.", "application/json", {
      503: { description: "It is not: the message says why.", content: error },
    }),
  },
  {
    verb: "GET",
    path: "/metrics",
    operation: nodeOperation("metrics", "What the node tells Prometheus", "Its metrics.", "text/plain"),
  },
  {
    verb: "GET",
    path: "/openapi.json",
    operation: nodeOperation("openApi", "This document", "OpenAPI 3.1.", "application/json"),
  },
];

function nodeOperation(
  operationId: string,
  summary: string,
  description: string,
  contentType: string,
  others: JsonSchema = {},
): JsonSchema {
  const schema = { type: contentType === "application/json" ? "object" : "string" };
  return {
    operationId,
    tags: ["node"],
    summary,
    responses: {
      200: { description, content: { [contentType]: { schema } } },
      431: { description: "The headers are over the limit.", content: error },
      ...others,
    },
  };
}
