// The Session service in the test's own process: exclusive locks, one queue each, and a rule that may lose, hold back or refuse
// whatever a client says. It never expires a lease by itself, and remembers everything that it has heard.

import { Server, ServerCredentials, type ServerDuplexStream, status } from "@grpc/grpc-js";
import {
  type AcquireRequest,
  type ClientMessage,
  LockServiceService,
  type ServerMessage,
  type SessionRequest,
  type SessionResponse,
  WaitEnd,
} from "../../src/transport/generated/lockmgr/v1/lock.ts";
import { Ending, type Event, EventKind } from "../../src/transport/generated/lockmgr/v1/types.ts";
import { patienceMs } from "../patience.ts";

type Stream = ServerDuplexStream<SessionRequest, SessionResponse>;
export type Said = NonNullable<ClientMessage["message"]>;
export type Told = NonNullable<ServerMessage["message"]>;
type Tell = (message: Told) => void;

export interface FakeService {
  readonly endpoint: string;
  /** Everything that clients have said, in order. */
  readonly heard: Said[];
  /** Everything of one kind. */
  readonly heardOf: <Case extends Said["$case"]>(kind: Case) => Extract<Said, { $case: Case }>["value"][];
  /** Resolves when something that fits has been heard, now or later. */
  readonly until: (fits: (said: Said) => boolean) => Promise<Said>;
  /** Dealt with if it answers true; `goOn` does what would have been done. */
  rule: (said: Said, tell: Tell, goOn: () => void) => boolean;
  /** How much of a ttl it lets a client rely upon. */
  usableOf: (ttlMs: bigint) => bigint;
  /** Who holds what: lock → token. */
  readonly holders: Map<string, number>;
  readonly waiting: (lock: string) => number;
  readonly streams: () => number;
  readonly breakStreams: (code?: status) => void;
  /** Tells the sessions of a lease what has happened to it. */
  readonly happen: (lease: number, events: readonly Partial<Event>[]) => void;
  /** Tells whoever watches. */
  readonly tellWatchers: (events: readonly Partial<Event>[], revision: number) => void;
  readonly stop: () => void;
}

interface Entry {
  readonly request: AcquireRequest;
  readonly lease: bigint;
  token: number;
  tell: Tell;
}

/** An event of which nothing is said. */
export const blank: Event = {
  revision: 1n,
  kind: EventKind.EVENT_KIND_UNSPECIFIED,
  lock: "",
  owner: "",
  leaseId: 0n,
  token: 0n,
  text: "",
  spanMs: 0n,
  queueLength: 0,
};

export async function startFake(): Promise<FakeService> {
  const heard: Said[] = [];
  const listeners = new Set<(said: Said) => void>();
  const streams = new Map<Stream, { lease: bigint; hello: bigint; watches: Set<bigint> }>();
  const leases = new Map<bigint, bigint>();
  const openedBy = new Map<string, bigint>();
  const entries = new Map<string, Entry>();
  const queues = new Map<string, Entry[]>();
  const holders = new Map<string, number>();
  let tokens = 0;
  let lastLease = 0n;

  const queueOf = (lock: string) => queues.get(lock) ?? queues.set(lock, []).get(lock) ?? [];
  const locksOf = ({ demands }: AcquireRequest) => demands.map(({ lock }) => lock);
  const isFree = (request: AcquireRequest) => locksOf(request).every((lock) => !holders.has(lock));
  const tellGrant = ({ tell, lease, token }: Entry) => {
    const ttlMs = leases.get(lease) ?? 0n;
    const value = { token: BigInt(token), leaseId: lease, ttlMs, usableMs: fake.usableOf(ttlMs) };
    tell({ $case: "acquired", value: { result: { $case: "granted", value } } });
  };
  const grant = (entry: Entry) => {
    entry.token = ++tokens;
    for (const lock of locksOf(entry.request)) holders.set(lock, entry.token);
    tellGrant(entry);
  };
  const free = (token: number) => {
    for (const [lock, held] of [...holders]) if (held === token) holders.delete(lock);
    for (const queue of queues.values()) {
      const first = queue[0];
      if (first === undefined || !isFree(first.request)) continue;
      for (const lock of locksOf(first.request)) queueOf(lock).shift();
      grant(first);
    }
  };
  const leave = (entry: Entry) => {
    for (const lock of locksOf(entry.request))
      queues.set(
        lock,
        queueOf(lock).filter((other) => other !== entry),
      );
  };
  const error = (code: number, reason: string): Told => ({ $case: "error", value: { code, message: reason, reason } });

  const acquire = (request: AcquireRequest, own: bigint, tell: Tell) => {
    const lease = request.under?.$case === "leaseId" && request.under.value > 0n ? request.under.value : own;
    if (!leases.has(lease)) return tell(error(status.FAILED_PRECONDITION, "lease-ended"));
    const key = `${lease} ${request.requestId}`;
    const known = entries.get(key);
    const entry: Entry = known ?? { request, lease, token: 0, tell };
    entry.tell = tell;
    entries.set(key, entry);
    if (entry.token > 0) return tellGrant(entry);
    if (known === undefined && isFree(request)) return grant(entry);
    const obstacle = { lock: locksOf(request)[0] ?? "", holder: undefined, delay: undefined, queueLength: 0 };
    if (request.waitMs === 0n)
      return tell({ $case: "acquired", value: { result: { $case: "held", value: obstacle } } });
    if (known === undefined) for (const lock of locksOf(request)) queueOf(lock).push(entry);
    tell({ $case: "queued", value: { position: 1, obstacle } });
  };
  const cancel = (request: string, lease: bigint, tell: Tell) => {
    const entry = entries.get(`${lease} ${request}`);
    const token = entry?.token ?? 0;
    if (entry !== undefined) {
      leave(entry);
      if (token > 0) free(token);
      else {
        const reason = WaitEnd.WAIT_END_CANCELLED;
        entry.tell({ $case: "acquired", value: { result: { $case: "waitEnded", value: { reason } } } });
      }
    }
    tell({ $case: "cancelled", value: { token: BigInt(token) } });
  };
  const open = (ttlMs: bigint, requestId: string) => {
    const leaseId = openedBy.get(requestId) ?? ++lastLease;
    openedBy.set(requestId, leaseId);
    leases.set(leaseId, ttlMs);
    return { leaseId, ttlMs, usableMs: fake.usableOf(ttlMs) };
  };

  const act = (stream: Stream, id: bigint, said: Said, tell: Tell) => {
    const session = streams.get(stream);
    if (session === undefined) return;
    switch (said.$case) {
      case "hello": {
        const { leaseId, open: opening } = said.value;
        const ttlMs = leases.get(leaseId);
        if (leaseId > 0n && ttlMs === undefined) return fail(stream, status.FAILED_PRECONDITION);
        const lease =
          ttlMs === undefined
            ? open(opening?.ttlMs ?? 0n, opening?.requestId ?? "")
            : { leaseId, ttlMs, usableMs: fake.usableOf(ttlMs) };
        Object.assign(session, { lease: lease.leaseId, hello: id });
        return tell({ $case: "welcome", value: { lease, nodeId: "fake", revision: 1n } });
      }
      case "openLease":
        return tell({ $case: "leaseOpened", value: open(said.value.ttlMs, said.value.requestId) });
      case "renew": {
        const ttlMs = leases.get(said.value.leaseId);
        if (ttlMs === undefined) return tell(error(status.FAILED_PRECONDITION, "lease-ended"));
        return tell({ $case: "renewed", value: { ttlMs, usableMs: fake.usableOf(ttlMs) } });
      }
      case "acquire":
        return acquire(said.value, session.lease, tell);
      case "release":
        free(Number(said.value.token));
        return tell({ $case: "released", value: { how: Ending.ENDING_RELEASED } });
      case "cancel":
        return cancel(said.value.requestId, said.value.under?.value as bigint, tell);
      case "revokeLease":
        leases.delete(said.value.leaseId);
        for (const entry of entries.values()) if (entry.lease === said.value.leaseId) free(entry.token);
        return tell({ $case: "revoked", value: { locks: 0 } });
      case "watch":
        session.watches.add(id);
        return tell({ $case: "events", value: { events: [], revision: said.value.afterRevision || 1n } });
      case "check": {
        const lock = { name: said.value.lock, holders: [], delays: [], queueLength: 0, limit: 0 };
        return tell({ $case: "checked", value: { lock } });
      }
      case "verify":
        return tell({
          $case: "verified",
          value: { current: holders.get(said.value.lock) === Number(said.value.token), holder: undefined },
        });
      case "ping":
        return tell({ $case: "pong", value: {} });
      case "proclaim":
        return tell({ $case: "proclaimed", value: {} });
      default:
        return undefined;
    }
  };
  const fail = (stream: Stream, code: status) => {
    streams.delete(stream);
    stream.emit("error", { code, details: "the fake breaks off" });
  };

  const server = new Server();
  const session = (stream: Stream) => {
    streams.set(stream, { lease: 0n, hello: 0n, watches: new Set() });
    stream.on("data", ({ messages }: SessionRequest) => {
      for (const { id, message: said } of messages) {
        if (said === undefined) continue;
        heard.push(said);
        const tell: Tell = (message) => void (streams.has(stream) && stream.write({ messages: [{ id, message }] }));
        const goOn = () => act(stream, id, said, tell);
        if (!fake.rule(said, tell, goOn)) goOn();
        for (const listener of [...listeners]) listener(said);
      }
    });
    stream.on("end", () => {
      streams.delete(stream);
      stream.end();
    });
    stream.on("cancelled", () => streams.delete(stream));
    stream.on("error", () => streams.delete(stream));
  };
  const { session: definition } = LockServiceService;
  server.addService({ session: definition }, { session });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (problem, bound) =>
      problem === null ? resolve(bound) : reject(problem),
    ),
  );

  const full = (events: readonly Partial<Event>[]): Event[] => events.map((event) => ({ ...blank, ...event }));
  const fake: FakeService = {
    endpoint: `127.0.0.1:${port}`,
    heard,
    heardOf: (kind) => heard.filter(({ $case }) => $case === kind).map(({ value }) => value) as never,
    until: (fits) =>
      new Promise((resolve, reject) => {
        const known = heard.find(fits);
        if (known !== undefined) return resolve(known);
        const patience = setTimeout(() => reject(new Error("what was waited for was never said")), patienceMs);
        const listener = (said: Said) => {
          if (!fits(said)) return;
          listeners.delete(listener);
          clearTimeout(patience);
          resolve(said);
        };
        listeners.add(listener);
      }),
    rule: () => false,
    usableOf: (ttlMs) => (ttlMs * 9n) / 10n,
    holders,
    waiting: (lock) => queueOf(lock).length,
    streams: () => streams.size,
    breakStreams: (code = status.UNAVAILABLE) => {
      for (const stream of [...streams.keys()]) fail(stream, code);
    },
    happen: (lease, events) => {
      for (const [stream, { lease: own, hello }] of streams) {
        if (own !== BigInt(lease)) continue;
        const value = { events: full(events), revision: 2n };
        stream.write({ messages: [{ id: hello, message: { $case: "events", value } }] });
      }
    },
    tellWatchers: (events, revision) => {
      for (const [stream, { watches }] of streams) {
        for (const id of watches) {
          const value = { events: full(events), revision: BigInt(revision) };
          stream.write({ messages: [{ id, message: { $case: "events", value } }] });
        }
      }
    },
    stop: () => server.forceShutdown(),
  };
  return fake;
}

/** Runs `use` with a service of its own. */
export async function withFake(use: (fake: FakeService) => Promise<void>): Promise<void> {
  const fake = await startFake();
  try {
    await use(fake);
  } finally {
    fake.stop();
  }
}

/** Resolves when the signal is aborted. */
export const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });

/** What a promise is rejected with. */
export const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => {
      throw new Error("it was to be rejected");
    },
    (error: unknown) => error,
  );
