// How the stream between two nodes is set up: its method, and the limits of its connections. Messages are bytes to gRPC; the codec reads them
// where an error can be answered.

import type { ChannelOptions } from "@grpc/grpc-js";
import type { Parcel } from "./codec-peer.ts";
import { encodeParcel } from "./codec-peer.ts";
import { PeerServiceService } from "./generated/lockmgr/peer/v1/peer.ts";

/** No message is larger: neither is one sent, nor is one read. */
export const messageBytesMax = 16 * 1024 * 1024;
/** What one turn has to say is cut into messages of about this size. */
const messageBytesAim = 1024 * 1024;
/** So much may wait for a slow peer; what comes beyond is dropped, as by a network. */
export const pendingBytesMax = 16 * 1024 * 1024;
/** Who has not said who he is by then is not a node. */
export const helloMs = 2_000;

const bytes = (value: Buffer): Buffer => value;

export const exchange = {
  path: PeerServiceService.exchange.path,
  requestStream: true,
  responseStream: true,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
} as const;

/** How long nodes bear with each other. Only tests, which must not depend on how fast a machine is, have another than the usual. */
export interface Patience {
  /** Who has not said who he is by then is not a node. */
  readonly helloMs: number;
  /** A connection on which nothing comes for so long is asked whether it lives. */
  readonly silenceMs: number;
  /** One that does not answer within so long has died. */
  readonly answerMs: number;
  /** How long what is waiting may take to be heard at a clean stop. */
  readonly farewellMs: number;
}

/** A connection that has died, or that goes into a black hole, is noticed within three seconds. */
export const usualPatience: Patience = { helloMs, silenceMs: 1_000, answerMs: 2_000, farewellMs: 500 };

const bothEnds = ({ silenceMs, answerMs }: Patience): ChannelOptions => ({
  "grpc.keepalive_time_ms": silenceMs,
  "grpc.keepalive_timeout_ms": answerMs,
  "grpc.max_receive_message_length": messageBytesMax,
  "grpc-node.flow_control_window": 4 * 1024 * 1024,
});

export const dialOptions = (patience: Patience): ChannelOptions => ({
  ...bothEnds(patience),
  "grpc.keepalive_permit_without_calls": 1,
  // Redialling is done here, with a channel of its own for every attempt, so that no attempt inherits a stuck one.
  "grpc.use_local_subchannel_pool": 1,
  "grpc.enable_retries": 0,
  "grpc.enable_http_proxy": 0,
  "grpc.service_config_disable_resolution": 1,
});

export const listenOptions = (patience: Patience): ChannelOptions => ({
  ...bothEnds(patience),
  "grpc.max_concurrent_streams": 8,
  "grpc.max_connection_idle_ms": 10_000,
  "grpc-node.max_session_memory": 64,
});

/** The parcel as messages of which none is too large; items that are too large by themselves are left out and counted. */
export function encodeInParts(parcel: Parcel): { messages: Buffer[]; tooLarge: number } {
  const whole = encodeParcel(parcel);
  const { raft, requests, answers, regional } = parcel;
  const items = itemsOf(parcel);
  if (whole.length <= messageBytesAim) return { messages: [whole], tooLarge: 0 };
  if (items === 1)
    return whole.length <= messageBytesMax ? { messages: [whole], tooLarge: 0 } : { messages: [], tooLarge: 1 };
  const halves = [0, 1].map((half) =>
    encodeInParts({
      raft: halfOf(raft, half),
      requests: halfOf(requests, half),
      answers: halfOf(answers, half),
      regional: halfOf(regional, half),
    }),
  );
  return {
    messages: halves.flatMap(({ messages }) => messages),
    tooLarge: halves.reduce((sum, { tooLarge }) => sum + tooLarge, 0),
  };
}

export const itemsOf = ({ raft, requests, answers, regional }: Parcel): number =>
  raft.length + requests.length + answers.length + regional.length;

/** The first half of a list, or the second. */
function halfOf<Item>(items: readonly Item[], half: number): readonly Item[] {
  const middle = Math.ceil(items.length / 2);
  return half === 0 ? items.slice(0, middle) : items.slice(middle);
}
