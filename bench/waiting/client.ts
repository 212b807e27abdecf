// A client of sessions for load: many of them share a few connections, and an answer costs one look into a table. Counts what it
// is told, by kind.

import { type ClientDuplexStream, credentials, type ServiceError } from "@grpc/grpc-js";
import {
  type AcquireRequest,
  type ClientMessage,
  LockServiceClient,
  type ServerMessage,
  type SessionRequest,
  type SessionResponse,
} from "../../src/transport/generated/lockmgr/v1/lock.ts";
import { channelOptions } from "../../test/cluster/clients.ts";

export type Said = NonNullable<ClientMessage["message"]>;
export type Told = NonNullable<ServerMessage["message"]>;
type Kind = Told["$case"];
type ToldAs<Case extends Kind> = Extract<Told, { $case: Case }>["value"];

/** What the server has said to all sessions of a `Crowd`. */
export type Tally = Map<Kind, number>;

/** A call under way: `queued` may be told more than once, and at last the answer or the failure. */
export interface Hearing {
  readonly queued?: () => void;
  readonly done: (told: Told | Error) => void;
}

export interface Session {
  readonly owner: string;
  readonly lease: bigint;
  readonly say: (said: Said, hearing: Hearing) => void;
  /** Says one thing and waits for the answer, which is of this kind. */
  readonly ask: <Case extends Kind>(said: Said, $case: Case) => Promise<ToldAs<Case>>;
}

export interface Crowd {
  readonly tally: Tally;
  /** Opens a session with a lease of its own. */
  readonly open: (owner: string, address: string) => Promise<Session>;
  readonly close: () => void;
}

/** So many connections to one node at most; its sessions share them. */
const connectionsMax = 4;
const ttlMs = 3_600_000n;

export function newCrowd(): Crowd {
  const tally: Tally = new Map();
  const stubs = new Map<string, LockServiceClient[]>();
  const streams: ClientDuplexStream<SessionRequest, SessionResponse>[] = [];
  let opened = 0;
  const stubAt = (address: string): LockServiceClient => {
    const some = stubs.get(address) ?? [];
    stubs.set(address, some);
    const place = opened++ % connectionsMax;
    const stub = some[place] ?? new LockServiceClient(address, credentials.createInsecure(), channelOptions);
    some[place] = stub;
    return stub;
  };
  return {
    tally,
    open: async (owner, address) => {
      const stream = stubAt(address).session();
      streams.push(stream);
      return greet(owner, stream, tally);
    },
    close: () => {
      for (const stream of streams) stream.cancel();
      for (const stub of [...stubs.values()].flat()) stub.close();
    },
  };
}

async function greet(
  owner: string,
  stream: ClientDuplexStream<SessionRequest, SessionResponse>,
  tally: Tally,
): Promise<Session> {
  const hearings = new Map<bigint, Hearing>();
  let last = 0n;
  let said: ClientMessage[] = [];
  /** What is said in one turn goes in one frame. */
  const write = (message: ClientMessage): void => {
    if (said.push(message) > 1) return;
    setImmediate(() => {
      stream.write({ messages: said });
      said = [];
    });
  };
  const hear = ({ id, message }: ServerMessage): void => {
    if (message === undefined) return;
    tally.set(message.$case, (tally.get(message.$case) ?? 0) + 1);
    if (message.$case === "ping") return write({ id, message: { $case: "pong", value: {} } });
    const hearing = hearings.get(id);
    if (hearing === undefined) return;
    if (message.$case === "queued") return hearing.queued?.();
    hearings.delete(id);
    hearing.done(message.$case === "error" ? new Error(message.value.message) : message);
  };
  stream.on("data", ({ messages }: SessionResponse) => {
    for (const message of messages) hear(message);
  });
  stream.on("error", (error: ServiceError) => {
    for (const { done } of hearings.values()) done(error);
    hearings.clear();
  });
  const say: Session["say"] = (message, hearing) => {
    hearings.set(++last, hearing);
    write({ id: last, message });
  };
  const ask: Session["ask"] = <Case extends Kind>(message: Said, $case: Case) =>
    new Promise<unknown>((resolve, reject) => {
      say(message, {
        done: (told) => {
          if (told instanceof Error) reject(told);
          else if (told.$case === $case) resolve(told.value);
          else reject(new Error(`answered with ${told.$case}, not ${$case}`));
        },
      });
    }) as Promise<ToldAs<Case>>;
  const open = { owner, ttlMs, metadata: "", requestId: "" };
  const { lease } = await ask({ $case: "hello", value: { leaseId: 0n, open, afterRevision: 0n } }, "welcome");
  if (lease === undefined) throw new Error("a session without a lease");
  return { owner, lease: lease.leaseId, say, ask };
}

/** To have one lock exclusively, waiting for it if `waitMs` is above 0. */
export const wants = (
  lock: string,
  { owner, lease }: Pick<Session, "owner" | "lease">,
  waitMs: number,
  requestId = "",
): Said => {
  const value: AcquireRequest = {
    demands: [{ lock, mode: 1, permits: 0, limit: 0 }],
    owner,
    under: { $case: "leaseId", value: lease },
    waitMs: BigInt(waitMs),
    priority: 0,
    lockDelayMs: 0n,
    metadata: "",
    context: "",
    requestId,
  };
  return { $case: "acquire", value };
};

export const gives = (lease: bigint, token: bigint, requestId = ""): Said => ({
  $case: "release",
  value: { leaseId: lease, token, requestId, lock: "" },
});

/** The token of a grant; throws if it is none. */
export function tokenOf(told: Told | Error): bigint {
  if (told instanceof Error) throw told;
  const result = told.$case === "acquired" ? told.value.result : undefined;
  if (result?.$case !== "granted") throw new Error(`not granted: ${result?.$case ?? told.$case}`);
  return result.value.token;
}
