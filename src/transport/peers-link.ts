// The stream on which this node speaks to one other. It dials, greets, and dials again whenever the stream ends, for as long as
// the node runs. All that is said in one turn of the event loop travels in one message. What cannot be sent now is dropped:
// those who speak repeat themselves.

import { Client, type ClientDuplexStream, credentials, Metadata, type StatusObject, status } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { RegionMessage } from "../actors/ballots.ts";
import type { ForwardedRequest, RaftMessage, SendingReply } from "../actors/messages.ts";
import { decodeGreetingAnswer, encodeGreeting, type Hello } from "./codec-peer.ts";
import { disagreement } from "./peers-hello.ts";
import { dialOptions, encodeInParts, exchange, itemsOf, type Patience, pendingBytesMax } from "./peers-wire.ts";
import type { Address } from "./settings.ts";

export interface Link {
  readonly tell: (message: RaftMessage) => void;
  readonly forward: (requests: readonly ForwardedRequest[]) => void;
  readonly reply: (answers: readonly SendingReply[]) => void;
  /** To a node of another region. */
  readonly say: (message: RegionMessage) => void;
  /** Hangs up, and dials again only if it is woken, or after a long time: somebody else speaks to the same node. */
  readonly rest: () => void;
  readonly wake: () => void;
  readonly inspect: () => {
    readonly up: boolean;
    readonly resting: boolean;
    readonly dropped: number;
    readonly pendingBytes: number;
  };
  /** Sends what is waiting, and hangs up. */
  readonly close: () => Promise<void>;
  /** Hangs up. */
  readonly cut: () => void;
}

interface LinkOptions {
  readonly address: Address;
  /** Whom it leads to, for the log. */
  readonly name: string;
  readonly hello: Hello;
  readonly patience: Patience;
  readonly log: Logger;
  readonly onUp: (theirs: Hello) => void;
  readonly onDown: () => void;
}

const redialMs = { min: 50, max: 1_000, afterDisagreement: 5_000 } as const;
/** A stream that has lasted for so long was a good one: the next is dialled without delay. */
const steadyMs = 5_000;
/** A link that rests looks so seldom whether its address leads to another node by now. */
const restMs = 60_000;

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
  answers: SendingReply[];
  regional: RegionMessage[];
}

const nothing = (): Outgoing => ({ raft: [], requests: [], answers: [], regional: [] });

const targetOf = ({ host, port }: Address): string => `${host.includes(":") ? `[${host}]` : host}:${port}`;

export function openLink({ address, name, hello, patience, log, onUp, onDown }: LinkOptions): Link {
  let speaking: Attempt | null = null;
  let hangUp: () => void = () => undefined;
  let outgoing = nothing();
  let scheduled = false;
  let dropped = 0;
  let closed = false;
  let resting = false;
  let redial: NodeJS.Timeout | null = null;
  let failures = 0;
  let upAt = 0;
  let complaint: string | null = null;

  function dialNext(delayMs: number): void {
    if (!closed) redial = setTimeout(tryOnce, delayMs);
  }

  function tryOnce(): void {
    redial = null;
    hangUp = dial(
      { address, hello, patience },
      {
        up: (attempt, theirs) => {
          speaking = attempt;
          resting = false;
          upAt = performance.now();
          complaint = null;
          log.info({ peer: name, nodeId: theirs.nodeId }, "speaks to a node");
          onUp(theirs);
        },
        down: (reason, isDisagreement) => {
          if (speaking !== null) {
            onDown();
            if (performance.now() - upAt > steadyMs) failures = 0;
          }
          speaking = null;
          outgoing = nothing();
          if (resting) return dialNext(restMs);
          // It is tried again all the time, and said once: how a node is out of reach changes with every attempt.
          const subject = isDisagreement ? reason : "out of reach";
          if (subject !== complaint && !closed) log.warn({ peer: name, reason }, "does not reach a node");
          complaint = subject;
          const backoffMs = Math.min(redialMs.max, redialMs.min * 2 ** failures++) * (1 + Math.random() / 4);
          dialNext(isDisagreement ? redialMs.afterDisagreement : Math.min(redialMs.max, backoffMs));
        },
      },
    );
  }

  function stopDialling(): void {
    closed = true;
    if (redial !== null) clearTimeout(redial);
  }

  function flush(): void {
    scheduled = false;
    const parcel = outgoing;
    outgoing = nothing();
    const attempt = speaking;
    const items = itemsOf(parcel);
    if (attempt === null || items === 0) return;
    if (attempt.pendingBytes > pendingBytesMax) {
      dropped += items;
      return;
    }
    const { messages, tooLarge } = encodeInParts(parcel);
    if (tooLarge > 0) log.error({ peer: name, tooLarge }, "dropped what is too large for one message");
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
    say: (message) => {
      if (mayAdd(1)) outgoing.regional.push(message);
    },
    rest: () => {
      if (resting || closed) return;
      resting = true;
      if (redial === null) return hangUp();
      clearTimeout(redial);
      dialNext(restMs);
    },
    wake: () => {
      if (!resting || closed) return;
      resting = false;
      if (redial === null) return;
      clearTimeout(redial);
      tryOnce();
    },
    inspect: () => ({ up: speaking !== null, resting, dropped, pendingBytes: speaking?.pendingBytes ?? 0 }),
    close: async () => {
      flush();
      stopDialling();
      if (speaking !== null) await farewell(speaking, patience);
      hangUp();
    },
    cut: () => {
      stopDialling();
      hangUp();
    },
  };
}

interface AttemptEvents {
  readonly up: (attempt: Attempt, theirs: Hello) => void;
  /** Told once, whatever happens. */
  readonly down: (reason: string, isDisagreement: boolean) => void;
}

type Dialled = Pick<LinkOptions, "address" | "hello" | "patience">;

/** Dials and greets. Returns how to end it. */
function dial({ address, hello, patience }: Dialled, { up, down }: AttemptEvents): () => void {
  const client = new Client(targetOf(address), credentials.createInsecure(), dialOptions(patience));
  const { path, requestSerialize, responseDeserialize } = exchange;
  const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, new Metadata());
  const attempt: Attempt = { client, stream, pendingBytes: 0 };
  let isUp = false;
  let isOver = false;

  function end(reason: string, isDisagreement = false): void {
    if (isOver) return;
    isOver = true;
    clearTimeout(greeting);
    stream.cancel();
    client.close();
    down(reason, isDisagreement);
  }

  const greeting = setTimeout(() => end("it does not answer"), patience.helloMs);
  // gRPC tells of every end by a status, and of most by an error as well; the latter must be listened to.
  stream.on("error", (error: Error & Partial<StatusObject>) =>
    end(error.details ?? error.message, error.code === status.FAILED_PRECONDITION),
  );
  stream.on("status", ({ details }: StatusObject) => end(details));
  stream.on("end", () => end("it hung up"));
  stream.on("data", (message: Buffer) => {
    if (isOver || isUp) return;
    clearTimeout(greeting);
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
function farewell({ stream }: Attempt, { farewellMs }: Patience): Promise<void> {
  return new Promise((resolve) => {
    const late = setTimeout(resolve, farewellMs);
    stream.once("status", () => {
      clearTimeout(late);
      resolve();
    });
    stream.end();
  });
}
