// Examples of the native interface over HTTP, for the OpenAPI document: what is sent, and what comes back.

/** One exchange. What stands in the path or the query is in `parameters`. */
export interface Examples {
  readonly parameters?: Readonly<Record<string, string | number>>;
  readonly body?: object;
  readonly response?: object;
}

const holder = {
  owner: "billing-1",
  lease_id: 7,
  token: 42,
  granted_at_ms: 1_767_225_600_000,
  remaining_ms: 8_400,
  ttl_ms: 10_000,
  mode: "exclusive",
  permits: 0,
  metadata: "host=billing-1 pid=4711",
  context: "",
  lock_delay_ms: 5_000,
};
const lock = { name: "invoices/2026", holders: [holder], delays: [], queue_length: 2, limit: 0 };
const granted = { granted: { token: 42, lease_id: 7, ttl_ms: 10_000, usable_ms: 9_850 } };
const wait = {
  waiter: { lease_id: 8, context: "", owner: "billing-2" },
  lock: "invoices/2026",
  blocker: { lease_id: 7, context: "", owner: "billing-1" },
  blocker_holds: true,
};
const name = "invoices/2026";
const held = { lease_id: 7, token: 42 };

/** What stands in the way of a request that does not wait. */
export const heldExample = {
  code: 9,
  message:
    'lock "invoices/2026" is held by "billing-1" (lease 7, fencing token 42), for another 8400 ms unless it is renewed',
  reason: "held",
  held: { lock: "invoices/2026", holder, queue_length: 2 },
};

/** A request that goes on waiting. */
export const queuedExample = {
  queued: { position: 3, obstacle: { lock: "invoices/2026", holder, queue_length: 2 } },
  request_id: "nightly-run-17",
};

/** By verb and path. */
export const examples: Readonly<Record<string, Examples>> = {
  "POST /v1/leases": {
    body: { owner: "billing-1", ttl_ms: 10_000, metadata: "host=billing-1 pid=4711" },
    response: { lease_id: 7, ttl_ms: 10_000, usable_ms: 9_850 },
  },
  "POST /v1/leases/{lease_id}:renew": {
    parameters: { lease_id: 7 },
    body: {},
    response: { ttl_ms: 10_000, usable_ms: 9_850 },
  },
  "DELETE /v1/leases/{lease_id}": { parameters: { lease_id: 7 }, response: { locks: 1 } },
  "GET /v1/leases": {
    parameters: { owner: "billing-1" },
    response: {
      leases: [
        {
          lease_id: 7,
          owner: "billing-1",
          ttl_ms: 10_000,
          remaining_ms: 8_400,
          metadata: "host=billing-1 pid=4711",
          locks: 1,
          waiting: 0,
        },
      ],
      next_page_token: "",
    },
  },
  "POST /v1/locks/{name}:acquire": {
    parameters: { name },
    body: { owner: "billing-1", lease_id: 7, wait_ms: 30_000, lock_delay_ms: 5_000, request_id: "nightly-run-17" },
    response: granted,
  },
  "POST /v1/locks:acquire": {
    body: {
      demands: [
        { lock: "invoices/2026", mode: "exclusive" },
        { lock: "printers", mode: "semaphore", permits: 1, limit: 4 },
      ],
      owner: "billing-1",
      lease_id: 7,
    },
    response: granted,
  },
  "POST /v1/locks/{name}:release": { parameters: { name }, body: held, response: { how: "released" } },
  "POST /v1/requests/{request_id}:cancel": {
    parameters: { request_id: "nightly-run-17" },
    body: { lease_id: 7 },
    response: { token: 0 },
  },
  "GET /v1/locks/{name}:verify": { parameters: { name, token: 42 }, response: { current: true, holder } },
  "GET /v1/locks/{name}": { parameters: { name }, response: { lock } },
  "GET /v1/locks": { parameters: { prefix: "invoices/" }, response: { locks: [lock], next_page_token: "" } },
  "GET /v1/locks/{name}/waiters": {
    parameters: { name },
    response: {
      waiters: [
        {
          request: "q7mZ0d0pVb3xkYQhY4mC1w2e",
          owner: "billing-2",
          lease_id: 8,
          context: "",
          demands: [{ lock: "invoices/2026", mode: "exclusive", permits: 0, limit: 0 }],
          priority: 0,
          metadata: "",
          asked_at_ms: 1_767_225_600_500,
          position: 1,
          estimate_ms: 1_600,
        },
      ],
      next_page_token: "",
      total: 1,
    },
  },
  "GET /v1/events": {
    parameters: { prefix: "invoices/" },
    response: {
      events: [
        {
          revision: 1_234,
          kind: "granted",
          lock: "invoices/2026",
          owner: "billing-1",
          lease_id: 7,
          token: 42,
          text: "host=billing-1 pid=4711",
          span_ms: 0,
          queue_length: 2,
        },
      ],
      revision: 1_234,
    },
  },
  "POST /v1/locks/{name}:proclaim": {
    parameters: { name },
    body: { ...held, metadata: "half of it is done" },
    response: {},
  },
  "POST /v1/locks/{name}:yield": {
    parameters: { name },
    body: { reason: "a hotfix must go out", grace_ms: 5_000, force: true },
    response: { tokens: [42] },
  },
  "POST /v1/locks/{name}:forceRelease": {
    parameters: { name },
    body: { reason: "the machine is gone", token: 42 },
    response: { tokens: [42] },
  },
  "GET /v1/waits": { parameters: { limit: 100 }, response: { waits: [wait], complete: true } },
  "POST /v1/elections/{name}:campaign": {
    parameters: { name: "scheduler" },
    body: { owner: "billing-1", lease_id: 7, value: "10.0.0.1:8080", wait_ms: 30_000, request_id: "campaign-1" },
    response: granted,
  },
  "POST /v1/elections/{name}:proclaim": {
    parameters: { name: "scheduler" },
    body: { ...held, value: "10.0.0.1:8081" },
    response: {},
  },
  "GET /v1/elections/{name}:observe": {
    parameters: { name: "scheduler" },
    response: { leader: { owner: "billing-1", lease_id: 7, token: 42, value: "10.0.0.1:8080" }, revision: 1_234 },
  },
  "POST /v1/elections/{name}:resign": { parameters: { name: "scheduler" }, body: held, response: {} },
};
