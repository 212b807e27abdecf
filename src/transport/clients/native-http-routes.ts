// The resources of the native interface over HTTP: one table, by which they are registered, read and described. A route is a
// call of `lockmgr.v1`; what stands in its path, its query or its body are the fields of that call's request.

import { type Examples, examples } from "./native-http-examples.ts";

/** How a route is answered: by the response; by what came of a request for locks; by events until the client goes away. */
export type Style = "response" | "acquired" | "events";

export interface NativeRoute {
  readonly verb: "GET" | "POST" | "DELETE";
  /** As in OpenAPI. What stands behind the colon at the end is the custom verb. */
  readonly path: string;
  /** "lockmgr.v1.Service/Method". */
  readonly call: string;
  readonly style: Style;
  /** Whether it is for the one lock that its path names: what the demand says of it stands beside the other fields. */
  readonly single: boolean;
  /** Parameters of the path, and the fields that they are; null if the request has none for it. */
  readonly named: Readonly<Record<string, string | null>>;
  /** The fields that must be given besides. */
  readonly required: readonly string[];
  /** The statuses of refusals that not every route has. */
  readonly refusals: readonly number[];
  readonly examples: Examples;
}

/** Every route can be refused with these: a field is at fault, overloaded, not served here, nobody there who can answer. */
export const commonRefusals: readonly number[] = [400, 429, 501, 503];

const lockService = "lockmgr.v1.LockService";
const electionService = "lockmgr.v1.ElectionService";

/** What most routes have. */
const plain = { style: "response", single: false, named: {}, required: [], refusals: [] } as const;
const lock = { name: "lock" };
const election = { name: "election" };
const acquired = { style: "acquired", refusals: [403, 404, 409, 412, 423, 507] } as const;
const granted = { refusals: [403, 404, 412, 507] } as const;

type Row = Omit<NativeRoute, "examples">;

const rows: readonly Row[] = [
  {
    ...plain,
    verb: "POST",
    path: "/v1/leases",
    call: `${lockService}/OpenLease`,
    required: ["owner", "ttl_ms"],
    refusals: [507],
  },
  {
    ...plain,
    verb: "POST",
    path: "/v1/leases/{lease_id}:renew",
    call: `${lockService}/RenewLease`,
    named: { lease_id: "lease_id" },
    refusals: [404, 412],
  },
  {
    ...plain,
    verb: "DELETE",
    path: "/v1/leases/{lease_id}",
    call: `${lockService}/RevokeLease`,
    named: { lease_id: "lease_id" },
    refusals: [404, 412],
  },
  { ...plain, verb: "GET", path: "/v1/leases", call: `${lockService}/ListLeases` },
  {
    ...plain,
    ...acquired,
    verb: "POST",
    path: "/v1/locks/{name}:acquire",
    call: `${lockService}/Acquire`,
    single: true,
    named: lock,
    required: ["owner"],
  },
  {
    ...plain,
    ...acquired,
    verb: "POST",
    path: "/v1/locks:acquire",
    call: `${lockService}/Acquire`,
    required: ["demands", "owner"],
  },
  {
    ...plain,
    ...granted,
    verb: "POST",
    path: "/v1/locks/{name}:release",
    call: `${lockService}/Release`,
    named: lock,
    required: ["lease_id", "token"],
  },
  {
    ...plain,
    verb: "POST",
    path: "/v1/requests/{request_id}:cancel",
    call: `${lockService}/Cancel`,
    named: { request_id: "request_id" },
  },
  {
    ...plain,
    verb: "GET",
    path: "/v1/locks/{name}:verify",
    call: `${lockService}/Verify`,
    named: lock,
    required: ["token"],
  },
  { ...plain, verb: "GET", path: "/v1/locks/{name}", call: `${lockService}/Check`, named: lock },
  { ...plain, verb: "GET", path: "/v1/locks", call: `${lockService}/ListLocks` },
  { ...plain, verb: "GET", path: "/v1/locks/{name}/waiters", call: `${lockService}/ListWaiters`, named: lock },
  { ...plain, verb: "GET", path: "/v1/events", call: `${lockService}/Watch`, style: "events", refusals: [410] },
  {
    ...plain,
    ...granted,
    verb: "POST",
    path: "/v1/locks/{name}:proclaim",
    call: `${lockService}/Proclaim`,
    named: lock,
    required: ["lease_id", "token"],
  },
  {
    ...plain,
    verb: "POST",
    path: "/v1/locks/{name}:yield",
    call: `${lockService}/AskYield`,
    named: lock,
    required: ["reason"],
  },
  {
    ...plain,
    verb: "POST",
    path: "/v1/locks/{name}:forceRelease",
    call: `${lockService}/ForceRelease`,
    named: lock,
    required: ["reason"],
  },
  { ...plain, verb: "GET", path: "/v1/waits", call: `${lockService}/GetWaitGraph` },
  {
    ...plain,
    ...acquired,
    verb: "POST",
    path: "/v1/elections/{name}:campaign",
    call: `${electionService}/Campaign`,
    named: election,
    required: ["owner", "lease_id"],
  },
  {
    ...plain,
    ...granted,
    verb: "POST",
    path: "/v1/elections/{name}:proclaim",
    call: `${electionService}/ProclaimLeader`,
    named: election,
    required: ["lease_id", "token"],
  },
  {
    ...plain,
    verb: "GET",
    path: "/v1/elections/{name}:observe",
    call: `${electionService}/Observe`,
    style: "events",
    named: election,
    refusals: [410],
  },
  {
    ...plain,
    ...granted,
    verb: "POST",
    path: "/v1/elections/{name}:resign",
    call: `${electionService}/Resign`,
    named: { name: null },
    required: ["lease_id", "token"],
  },
];

export const nativeRoutes: readonly NativeRoute[] = rows.map((row) => ({
  ...row,
  examples: examples[`${row.verb} ${row.path}`] ?? {},
}));
