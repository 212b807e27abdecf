// A client of sessions for tests: says messages under rising ids, and waits for what comes under them.

import type { ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import type {
  ClientMessage,
  LockServiceClient,
  ServerMessage,
  SessionRequest,
  SessionResponse,
} from "../../../src/transport/generated/lockmgr/v1/lock.ts";

export type Said = NonNullable<ClientMessage["message"]>;
export type Told = NonNullable<ServerMessage["message"]>;
export type ToldAs<Case extends Told["$case"]> = Extract<Told, { $case: Case }>["value"];

export interface SessionClient {
  readonly stream: ClientDuplexStream<SessionRequest, SessionResponse>;
  /** Says all of it in one frame; the ids under which it was said. */
  readonly say: (...said: readonly Said[]) => readonly bigint[];
  /** The next message of this kind under this id that has not been waited for yet. */
  readonly hear: <Case extends Told["$case"]>(id: bigint, $case: Case) => Promise<ToldAs<Case>>;
  /** Says one thing and waits for the answer of this kind. */
  readonly ask: <Case extends Told["$case"]>(said: Said, $case: Case) => Promise<ToldAs<Case>>;
  /** How many messages each frame had. */
  readonly frames: number[];
  readonly messages: ServerMessage[];
  /** How the stream ended; null: well. */
  readonly ended: Promise<ServiceError | null>;
}

export function openSession(stub: LockServiceClient): SessionClient {
  const stream = stub.session();
  const messages: ServerMessage[] = [];
  const frames: number[] = [];
  const heard = new Set<ServerMessage>();
  const waiting = new Set<() => boolean>();
  let failure: ServiceError | null = null;
  let last = 0n;
  const ended = new Promise<ServiceError | null>((resolve) => {
    stream.on("error", (error: ServiceError) => {
      failure = error;
      resolve(error);
      for (const look of [...waiting]) look();
    });
    stream.on("end", () => setImmediate(() => resolve(failure)));
  });
  stream.on("data", (response: SessionResponse) => {
    frames.push(response.messages.length);
    messages.push(...response.messages);
    for (const look of [...waiting]) look();
  });
  const say: SessionClient["say"] = (...said) => {
    const numbered = said.map((message) => ({ id: ++last, message }));
    stream.write({ messages: numbered });
    return numbered.map(({ id }) => id);
  };
  const hear: SessionClient["hear"] = <Case extends Told["$case"]>(id: bigint, $case: Case) =>
    new Promise<unknown>((resolve, reject) => {
      const look = (): boolean => {
        const found = messages.find(
          (message) =>
            message.id === id &&
            !heard.has(message) &&
            (message.message?.$case === $case || message.message?.$case === "error"),
        );
        if (found === undefined && failure === null) return false;
        waiting.delete(look);
        if (found !== undefined) heard.add(found);
        if (found?.message?.$case === $case) resolve(found.message.value);
        else reject(failure ?? new Error(JSON.stringify(found?.message?.value)));
        return true;
      };
      if (!look()) waiting.add(look);
    }) as Promise<ToldAs<Case>>;
  return {
    stream,
    say,
    hear,
    ask: (said, $case) => hear(say(said)[0] as bigint, $case),
    frames,
    messages,
    ended,
  };
}
