// A session: one client on one stream, with one lease and whatever it asks under it. It begins with `hello`; what comes before the
// welcome waits, unread as far as possible. When the stream ends, its calls are forgotten; the lease, its locks and its waits go on,
// and the client takes them up again with any node.

import type { CallId } from "../../actors/messages.ts";
import { type Instant, type LogIndex, logIndex, millis } from "../../actors/scalars.ts";
import type {
  ClientMessage,
  Hello,
  ServerMessage,
  SessionRequest,
  WatchRequest,
} from "../generated/lockmgr/v1/lock.ts";
import { type Failure, grpcStatus, isFailure, reasonWord } from "../status.ts";
import type { Queued } from "./calls.ts";
import { leaseNamed } from "./fields.ts";
import type { Meter } from "./metrics.ts";
import { hasRegions, unservedInRegions, watch } from "./native-asking.ts";
import { type EventQueue, hasMore, newEventQueue } from "./native-events.ts";
import { revisionAfter } from "./native-fields.ts";
import { type Frame, newOutbox } from "./native-outbox.ts";
import { beginWatch, type WatchNews } from "./native-procedure.ts";
import type { CallCase, SessionCall, Told } from "./native-session-calls.ts";
import { newSilence } from "./native-silence.ts";
import { unread } from "./native-streams.ts";
import { toQueued } from "./native-telling.ts";
import type { Desk } from "./procedure.ts";

/** How many calls may be open on one session, watches included. */
export const openMax = 10_000;

/** The stream as a session sees it. */
export interface SessionPipe {
  /** False: what was sent before has not gone out yet. */
  readonly write: (frame: Frame) => boolean;
  readonly pause: () => void;
  readonly resume: () => void;
  /** Ends the stream, after what has been written. */
  readonly end: (failure: Failure | null) => void;
  /** How long the stream may last, in milliseconds. */
  readonly left: () => number;
}

export interface Session {
  readonly received: (request: SessionRequest, size: number) => void;
  readonly drained: () => void;
  /** The client has nothing more to say; what it has asked is answered still. */
  readonly halfClosed: () => void;
  /** Ends the session and tells the client why. */
  readonly fail: (failure: Failure) => void;
  /** The client is gone. */
  readonly gone: () => void;
}

interface Surroundings {
  readonly desk: Desk;
  readonly calls: Readonly<Record<CallCase, SessionCall>>;
  readonly meterOf: (name: string) => Meter;
  readonly silenceMs: number;
  /** Calls back at the end of the turn. */
  readonly soon: (flush: () => void) => void;
}

/** What is open under an id of the client's. */
interface Open {
  call: CallId | null;
  readonly isWatch: boolean;
}

const invalid = (message: string): Failure => ({ reason: "invalid", message });
const tooMany: Failure = {
  reason: "overloaded",
  message: `${openMax} calls are open on this session, which is as many as there may be`,
};
const unknownMessage: Failure = { reason: "unserved", message: "this node does not know such a message" };
const unreadAnswers: Failure = {
  reason: "unread",
  message: "more has been answered than is kept for one who does not read; open another session",
};

export function newSession(surroundings: Surroundings, pipe: SessionPipe): Session {
  const { desk, calls, meterOf, silenceMs, soon } = surroundings;
  const open = new Map<bigint, Open>();
  /** What came before the welcome. */
  const early: { readonly message: ClientMessage; readonly size: number }[] = [];
  let phase: "new" | "opening" | "open" | "over" = "new";
  let lease = 0n;
  let closing = false;

  const outbox = newOutbox(
    (frame) => phase === "over" || pipe.write(frame),
    () => soon(outbox.flush),
  );
  const silence = newSilence(silenceMs, () => say(0n, { $case: "ping", value: {} }));

  // Saying.

  const say = (id: bigint, message: NonNullable<ServerMessage["message"]>): void => {
    if (phase === "over") return;
    outbox.say(id, message);
    if (outbox.isFull()) end(unreadAnswers);
  };
  const sayFailure = (id: bigint, { reason, message }: Failure): void =>
    say(id, { $case: "error", value: { code: grpcStatus[reason], message, reason: reasonWord(reason) } });

  const end = (failure: Failure | null): void => {
    if (phase === "over") return;
    outbox.flush();
    gone();
    pipe.end(failure);
  };
  const gone = (): void => {
    phase = "over";
    silence.stop();
    for (const { call } of open.values()) if (call !== null) desk.calls.cancel(call);
    open.clear();
    early.length = 0;
  };
  /** A client that has nothing more to say is done when all is answered, and the answers are on their way. */
  const close = (): void => {
    if (!closing || phase === "opening" || ![...open.values()].every(({ isWatch }) => isWatch)) return;
    outbox.flush();
    if (!outbox.hasAnswers()) end(null);
  };

  // Calls.

  /** Whether no call can be opened under `id`; the client has been told why. */
  const refused = (id: bigint): boolean => {
    if (open.has(id)) end(invalid(`id ${id} is that of a call which is open`));
    else if (id === 0n) sayFailure(id, invalid("id must be given; 0 is that of the service's pings"));
    else if (open.size >= openMax) sayFailure(id, tooMany);
    else return false;
    return true;
  };
  const begin = (id: bigint, said: SaidCall, size: number, done: (told: Told | Failure) => void): void => {
    const { name, begin: beginCall } = calls[said.$case];
    const startedAt = desk.now();
    const opened: Open = { call: null, isWatch: false };
    open.set(id, opened);
    const asked = { lease, size, left: pipe.left(), waiting: tellWaiting((message) => say(id, message)) };
    opened.call = beginCall(said, asked, (told) => {
      open.delete(id);
      count(meterOf(name), startedAt, told);
      done(told);
    });
  };
  const count = (meter: Meter, startedAt: Instant, told: Told | Failure): void =>
    meter.count(isFailure(told) ? grpcStatus[told.reason] : 0, 0, millis(desk.now() - startedAt));

  const call = (id: bigint, said: SaidCall, size: number): void => {
    if (refused(id)) return;
    begin(id, said, size, (told) => {
      if (isFailure(told)) sayFailure(id, told);
      else say(id, told);
      close();
    });
  };

  // Watches.

  const forget = (id: bigint): void => {
    const opened = open.get(id);
    if (opened === undefined || opened === hello) return;
    open.delete(id);
    outbox.drop(id);
    if (opened.call !== null) desk.calls.cancel(opened.call);
    close();
  };
  const follow = (id: bigint, queue: EventQueue, news: WatchNews): Failure | null => {
    if (news.type === "over") return news.failure;
    if (!queue.add(news)) return unread(queue.told());
    outbox.events(id, queue);
    return null;
  };
  const beginWatching = (id: bigint, request: WatchRequest): void => {
    if (refused(id)) return;
    if (hasRegions(desk.settings)) return sayFailure(id, unservedInRegions);
    const wish = watch(
      request.what?.$case === "leaseId" && request.what.value === 0n ? ofLease(request, lease) : request,
    );
    if ("type" in wish) return sayFailure(id, wish);
    const queue = newEventQueue(wish.after);
    const opened: Open = { call: null, isWatch: true };
    open.set(id, opened);
    opened.call = beginWatch(desk, wish, (news) => {
      const failure = follow(id, queue, news);
      if (failure === null) return;
      forget(id);
      sayFailure(id, failure);
    });
  };

  // The beginning.

  let hello: Open | null = null;
  const greet = (id: bigint, { leaseId, open: opening, afterRevision }: Hello, size: number): void => {
    const after = revisionAfter(afterRevision);
    if (typeof after === "string") return end(invalid(after));
    if (leaseId === 0n && opening === undefined) return end(invalid("hello needs lease_id, or open"));
    phase = "opening";
    pipe.pause();
    const said: SaidCall =
      leaseId === 0n && opening !== undefined
        ? { $case: "openLease", value: opening }
        : { $case: "renew", value: { leaseId } };
    begin(id, said, size, (told) => {
      if (isFailure(told)) return end(told);
      if (told.$case !== "leaseOpened" && told.$case !== "renewed") return;
      const value = told.$case === "leaseOpened" ? told.value : { leaseId, ...told.value };
      attend(id, { value, after: leaseId === 0n ? null : after });
    });
  };
  /** The lease lives: from here on the client is told what becomes of it. */
  const attend = (id: bigint, { value, after }: { value: Lease; after: LogIndex | null }): void => {
    lease = value.leaseId;
    const node = desk.settings.config.node.nodeId;
    if (hasRegions(desk.settings)) {
      // Nothing can be watched there; the client learns from its renewals.
      hello = { call: null, isWatch: true };
      open.set(id, hello);
      say(id, welcome(value, node, logIndex(0)));
      return goOn();
    }
    const wish = { what: { lease: leaseNamed(lease) }, after };
    let queue: EventQueue | null = null;
    const opened: Open = { call: null, isWatch: true };
    hello = opened;
    open.set(id, opened);
    opened.call = beginWatch(desk, wish, (news) => {
      if (phase === "over") return;
      if (news.type === "over") return end(news.failure);
      if (queue === null) {
        // What the lease holds by now its client knows, or asks.
        if (after === null && hasMore(news)) return;
        queue = newEventQueue(after ?? news.revision);
        say(id, welcome(value, node, after ?? news.revision));
        if (after !== null) follow(id, queue, news);
        return goOn();
      }
      const failure = follow(id, queue, news);
      if (failure !== null) end(failure);
    });
  };
  const goOn = (): void => {
    phase = "open";
    for (const { message, size } of early.splice(0)) handle(message, size);
    if (!outbox.isUndrained()) pipe.resume();
    close();
  };

  // Hearing.

  const handle = ({ id, message: said }: ClientMessage, size: number): void => {
    if (phase === "over") return;
    if (phase === "new" && said?.$case !== "hello") return end(invalid("the first message of a session is hello"));
    if (said === undefined) return sayFailure(id, unknownMessage);
    switch (said.$case) {
      case "hello":
        if (refused(id)) return;
        return phase === "new" ? greet(id, said.value, size) : sayFailure(id, invalid("hello is said once"));
      case "ping":
        return say(id, { $case: "pong", value: {} });
      case "pong":
        return;
      case "forget":
        return forget(said.value);
      case "watch":
        return beginWatching(id, said.value);
      default:
        return call(id, said, size);
    }
  };
  return {
    received: ({ messages }, size) => {
      if (phase === "over") return;
      silence.broken();
      const share = Math.ceil(size / Math.max(1, messages.length));
      for (const message of messages) {
        if (phase === "opening") early.push({ message, size: share });
        else handle(message, share);
      }
      if (outbox.isUndrained()) pipe.pause();
    },
    drained: () => {
      outbox.drained();
      if (phase === "open" && !outbox.isUndrained()) pipe.resume();
      close();
    },
    halfClosed: () => {
      closing = true;
      close();
    },
    fail: end,
    gone,
  };
}

type SaidCall = Extract<NonNullable<ClientMessage["message"]>, { $case: CallCase }>;
type Lease = { readonly leaseId: bigint; readonly ttlMs: bigint; readonly usableMs: bigint };

const welcome = (lease: Lease, nodeId: string, revision: LogIndex): Told => ({
  $case: "welcome",
  value: { lease, nodeId, revision: BigInt(revision) },
});

const ofLease = (request: WatchRequest, lease: bigint): WatchRequest => ({
  ...request,
  what: { $case: "leaseId", value: lease },
});

/** Tells that a request waits, and when its place has changed. */
function tellWaiting(say: (message: Told) => void): (queued: Queued) => void {
  let position: number | null = null;
  return (queued) => {
    if (queued.position === position) return;
    position = queued.position;
    say({ $case: "queued", value: toQueued(queued) });
  };
}
