// One stream to one node: messages of a turn share a frame, a side that is silent is pinged, and a stream that stays silent is
// taken for broken. What is said and heard on it is for the session to know.

import { type ChannelCredentials, type ClientDuplexStream, credentials } from "@grpc/grpc-js";
import {
  type ClientMessage,
  LockServiceClient,
  type ServerMessage,
  type SessionRequest,
  type SessionResponse,
} from "../../transport/generated/lockmgr/v1/lock.ts";
import { betweenMs, nowNs } from "../monotonic.ts";
import type { TlsOptions } from "../options.ts";

export interface Stream {
  readonly say: (message: ClientMessage) => void;
  /** Ends it. Nothing is heard any more, and `onBroken` is not called. `sayRest` lets what has been said go out before. */
  readonly close: (sayRest?: boolean) => void;
}

export interface StreamOptions {
  readonly endpoint: string;
  readonly tls: boolean | TlsOptions;
  /** After so long a silence the other side is pinged. */
  readonly pingMs: number;
  /** After so long a silence more the stream is broken. */
  readonly answerMs: number;
  readonly onHeard: (message: ServerMessage) => void;
  /** Called once, unless it is closed before. */
  readonly onBroken: (why: { readonly code: number; readonly message: string }) => void;
}

/** A frame stays well below what gRPC takes, however large its messages are. */
const messagesPerFrameMax = 64;
const frameBytesMax = 16 * 1024 * 1024;
const unavailable = 14;

export function openStream(options: StreamOptions): Stream {
  const service = new LockServiceClient(addressOf(options.endpoint), credentialsOf(options), {
    "grpc.max_receive_message_length": frameBytesMax,
    "grpc.use_local_subchannel_pool": 1,
    "grpc.enable_retries": 0,
    "grpc.service_config_disable_resolution": 1,
  });
  const call: ClientDuplexStream<SessionRequest, SessionResponse> = service.session();
  let open = true;
  let lastHeard = nowNs();
  let outbox: ClientMessage[] = [];

  const flush = () => {
    if (!open) return;
    const messages = outbox;
    outbox = [];
    for (let from = 0; from < messages.length; from += messagesPerFrameMax) {
      call.write({ messages: messages.slice(from, from + messagesPerFrameMax) });
    }
  };
  const say = (message: ClientMessage) => {
    if (!open) return;
    if (outbox.length === 0) setImmediate(flush);
    outbox.push(message);
  };
  const close = (sayRest = false) => {
    if (!open) return;
    if (sayRest) flush();
    open = false;
    clearInterval(watch);
    if (sayRest) call.end();
    else call.cancel();
    service.close();
  };
  const breakWith = (code: number, message: string) => {
    if (!open) return;
    close();
    options.onBroken({ code, message });
  };

  const watch = setInterval(() => {
    const silentMs = betweenMs(lastHeard, nowNs());
    if (silentMs >= options.pingMs + options.answerMs) {
      breakWith(unavailable, `${options.endpoint} has been silent for ${Math.round(silentMs)} ms`);
    } else if (silentMs >= options.pingMs) say({ id: 0n, message: { $case: "ping", value: {} } });
  }, options.answerMs / 2);

  call.on("data", ({ messages }: SessionResponse) => {
    lastHeard = nowNs();
    for (const message of messages) {
      if (!open) return;
      if (message.message?.$case === "ping") say({ id: message.id, message: { $case: "pong", value: {} } });
      else if (message.message?.$case !== "pong") options.onHeard(message);
    }
  });
  call.on("error", (error: Error & { code?: number; details?: string }) =>
    breakWith(error.code ?? unavailable, `${options.endpoint}: ${plain(error.details || error.message)}`),
  );
  call.on("end", () => breakWith(unavailable, `${options.endpoint} has ended the session`));
  return { say, close };
}

/** The words of gRPC on one line, without what says nothing. */
const plain = (words: string): string =>
  words
    .replace(/\s+/g, " ")
    .replace(/^No connection established\. Last error: (?:Error: )?/, "")
    .replace(/[. ]*Resolution note: *$/, "");

const addressOf = (endpoint: string): string => endpoint.replace(/^https?:\/\//, "");

function credentialsOf({ tls, endpoint }: StreamOptions): ChannelCredentials {
  if (tls === false && !endpoint.startsWith("https://")) return credentials.createInsecure();
  const { ca, key, cert } = typeof tls === "object" ? tls : {};
  const bytes = (text: string | undefined) => (text === undefined ? null : Buffer.from(text));
  return credentials.createSsl(bytes(ca), bytes(key), bytes(cert));
}
