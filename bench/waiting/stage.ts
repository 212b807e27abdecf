// Very many locks that are held, and waited for by as many: what every measurement with them shares.

import { at, type Cluster } from "../../test/cluster/cluster.ts";
import { type Crowd, gives, type Session } from "./client.ts";

export interface Stage {
  readonly cluster: Cluster;
  readonly leader: number;
  readonly crowd: Crowd;
  readonly holder: Session;
  readonly waiter: Session;
  /** The locks are spread over them, asked for in the name of `holder` and of `waiter`. */
  readonly sessions: readonly Session[];
  /** The token of whoever holds each lock first. */
  readonly tokens: bigint[];
  /** What each waiter is told when it is its turn. */
  readonly turns: Promise<bigint>[];
}

export interface Spans {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Gives a lock back; resolves when it has come to whoever waited for it, with the milliseconds that took. */
export async function handOver({ holder, tokens, turns }: Stage, number: number): Promise<number> {
  const begun = performance.now();
  const released = holder.ask(gives(holder.lease, at(tokens, number)), "released");
  const granted = at(turns, number).then(() => performance.now() - begun);
  const [span] = await Promise.all([granted, released]);
  return span;
}

export function spansOf(spans: number[]): Spans {
  spans.sort((one, other) => one - other);
  const rank = (share: number) => spans[Math.min(spans.length - 1, Math.floor(share * spans.length))] ?? Number.NaN;
  return { p50: rank(0.5), p99: rank(0.99), max: rank(1) };
}
