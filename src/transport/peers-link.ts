// The stream on which this node speaks to one other. It dials, greets, and dials again whenever the stream ends, for as long as
// the node runs. All that is said in one turn of the event loop travels in one message. What cannot be sent now is dropped:
// those who speak repeat themselves.

import { Client, type ClientDuplexStream, credentials, Metadata, type StatusObject, status } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { ForwardedRequest, RaftMessage, RequestAnswer } from "../actors/messages.ts";
import { decodeGreetingAnswer, encodeGreeting, type Hello } from "./codec-peer.ts";
import { disagreement } from "./peers-hello.ts";
import { dialOptions, encodeInParts, exchange, helloMs, pendingBytesMax } from "./peers-wire.ts";
import type { Peer } from "./settings.ts";

export interface Link {
  readonly tell: (message: RaftMessage) => void;
  readonly forward: (requests: readonly ForwardedRequest[]) => void;
  readonly reply: (answers: readonly RequestAnswer[]) => void;
  readonly inspect: () => { readonly up: boolean; readonly dropped: number; readonly pendingBytes: number };
  /** Sends what is waiting, and hangs up. */
  readonly close: () => Promise<void>;
}

interface LinkOptions {
  readonly peer: Peer;
  readonly hello: Hello;
  readonly log: Logger;
  readonly onUp: (theirs: Hello) => void;
  readonly onDown: () => void;
}

const redialMs = { min: 50, max: 1_000, afterDisagreement: 5_000 } as const;
/** A stream that has lasted for so long was a good one: the next is dialled without delay. */
const steadyMs = 5_000;
/** How long what is waiting may take at a clean stop. */
const farewellMs = 500;

type Stream = ClientDuplexStream<Buffer, Buffer>;

/** One attempt to speak: a channel of its own, and the stream on it. */
interface Attempt {
  readonly client: Client;
  readonly stream: Stream;
  pendingBytes: number;
}

interface Outgoing {
  raft: RaftMessage[];
  requests: ForwardedRequest[];
  answers: RequestAnswer[];
}

const nothing = (): Outgoing => ({ raft: [], requests: [], answers: [] });

const targetOf = ({ host, port }: Peer): string => `${host.includes(":") ? `[${host}]` : host}:${port}`;

export function openLink({ peer, hello, log, onUp, onDown }: LinkOptions): Link {
  let speaking: Attempt | null = null;
  let hangUp: () => void = () => undefined;
  let outgoing = nothing();
  let scheduled = false;
  let dropped = 0;
  let closed = false;
  let redial: NodeJS.Timeout | null = null;
  let failures = 0;
  let upAt = 0;
  let complaint: string | null = null;

  function dialNext(delayMs: number): void {
    if (!closed) redial = setTimeout(tryOnce, delayMs);
  }

  function tryOnce(): void {
    hangUp = dial(peer, hello, {
      up: (attempt, theirs) => {
        speaking = attempt;
        upAt = performance.now();
        complaint = null;
        log.info({ peer: peer.nodeId }, "speaks to a node");
        onUp(theirs);
      },
      down: (reason, isDisagreement) => {
        if (speaking !== null) {
          onDown();
          if (performance.now() - upAt > steadyMs) failures = 0;
        }
        speaking = null;
        outgoing = nothing();
        // Said once for as long as it stays the same; it is tried again all the time.
        if (reason !== complaint && !closed) log.warn({ peer: peer.nodeId, reason }, "does not reach a node");
        complaint = reason;
        const backoffMs = Math.min(redialMs.max, redialMs.min * 2 ** failures++) * (1 + Math.random() / 4);
        dialNext(isDisagreement ? redialMs.afterDisagreement : Math.min(redialMs.max, backoffMs));
      },
    });
  }

  function flush(): void {
    scheduled = false;
    const parcel = outgoing;
    outgoing = nothing();
    const attempt = speaking;
    const items = parcel.raft.length + parcel.requests.length + parcel.answers.length;
    if (attempt === null || items === 0) return;
    if (attempt.pendingBytes > pendingBytesMax) {
      dropped += items;
      return;
    }
    const { messages, tooLarge } = encodeInParts(parcel);
    if (tooLarge > 0) log.error({ peer: peer.nodeId, tooLarge }, "dropped what is too large for one message");
    dropped += tooLarge;
    for (const message of messages) {
      attempt.pendingBytes += message.length;
      attempt.stream.write(message, () => {
        attempt.pendingBytes -= message.length;
      });
    }
  }

  /** Whether something can be said; then it goes at the end of this turn. */
  function mayAdd(items: number): boolean {
    if (speaking === null) {
      dropped += items;
      return false;
    }
    if (!scheduled) setImmediate(flush);
    scheduled = true;
    return true;
  }

  tryOnce();
  return {
    tell: (message) => {
      if (mayAdd(1)) outgoing.raft.push(message);
    },
    forward: (requests) => {
      if (mayAdd(requests.length)) outgoing.requests.push(...requests);
    },
    reply: (answers) => {
      if (mayAdd(answers.length)) outgoing.answers.push(...answers);
    },
    inspect: () => ({ up: speaking !== null, dropped, pendingBytes: speaking?.pendingBytes ?? 0 }),
    close: async () => {
      flush();
      closed = true;
      if (redial !== null) clearTimeout(redial);
      if (speaking !== null) await farewell(speaking);
      hangUp();
    },
  };
}

interface AttemptEvents {
  readonly up: (attempt: Attempt, theirs: Hello) => void;
  /** Told once, whatever happens. */
  readonly down: (reason: string, isDisagreement: boolean) => void;
}

/** Dials and greets. Returns how to end it. */
function dial(peer: Peer, hello: Hello, { up, down }: AttemptEvents): () => void {
  const client = new Client(targetOf(peer), credentials.createInsecure(), dialOptions);
  const { path, requestSerialize, responseDeserialize } = exchange;
  const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, new Metadata());
  const attempt: Attempt = { client, stream, pendingBytes: 0 };
  let isUp = false;
  let isOver = false;

  function end(reason: string, isDisagreement = false): void {
    if (isOver) return;
    isOver = true;
    clearTimeout(patience);
    stream.cancel();
    client.close();
    down(reason, isDisagreement);
  }

  const patience = setTimeout(() => end("it does not answer"), helloMs);
  // gRPC tells of every end by a status, and of most by an error as well; the latter must be listened to.
  stream.on("error", (error: Error & Partial<StatusObject>) =>
    end(error.details ?? error.message, error.code === status.FAILED_PRECONDITION),
  );
  stream.on("status", ({ details }: StatusObject) => end(details));
  stream.on("end", () => end("it hung up"));
  stream.on("data", (message: Buffer) => {
    if (isOver || isUp) return;
    clearTimeout(patience);
    try {
      const theirs = decodeGreetingAnswer(message);
      const difference = disagreement(theirs, hello);
      if (difference !== null) return end(difference, true);
      isUp = true;
      up(attempt, theirs);
    } catch (error) {
      end((error as Error).message, true);
    }
  });
  stream.write(encodeGreeting(hello));
  return () => end("this node stops");
}

/** Waits until the other side has taken everything, but not for long. */
function farewell({ stream }: Attempt): Promise<void> {
  return new Promise((resolve) => {
    const patience = setTimeout(resolve, farewellMs);
    stream.once("status", () => {
      clearTimeout(patience);
      resolve();
    });
    stream.end();
  });
}
