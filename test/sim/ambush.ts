// Ambushes: something happens to a node at the very letter that matters, such as a vote that is about to be flushed, an entry
// that has just been appended, a chunk of a snapshot on its way to the disk; or at any letter, drawn by count.

import type { ActorName, Envelope, LeaseToRaft, RaftMessage, RaftToStorage } from "../../src/actors/messages.ts";
import type { Trap } from "./plan-shape.ts";

const lettersMax = 2000;

type Springs = (from: ActorName, to: ActorName, letter: unknown) => boolean;

/** Whether a letter to storage holds back a message of this kind until it is flushed. */
function releases(letter: unknown, is: (message: RaftMessage) => boolean): boolean {
  const stored = letter as RaftToStorage;
  return stored.type === "append" && stored.release.some(({ message }) => is(message));
}

const typeOf = (letter: unknown): string => (letter as { type: string }).type;

const springs: Readonly<Record<Exclude<Trap, "anyLetter">, Springs>> = {
  appending: (from, to, letter) =>
    from === "raft" &&
    to === "storage" &&
    typeOf(letter) === "append" &&
    (letter as Extract<RaftToStorage, { type: "append" }>).entries.length > 0,
  voting: (from, to, letter) =>
    from === "raft" &&
    to === "storage" &&
    releases(letter, (message) => message.type === "voteResponse" && message.granted),
  campaigning: (from, to, letter) =>
    from === "raft" && to === "storage" && releases(letter, (message) => message.type === "voteRequest"),
  leading: (from, to, letter) => from === "raft" && to === "lease" && typeOf(letter) === "leading",
  handingOver: (from, to, letter) =>
    from === "raft" && to === "peers" && (letter as Envelope).message.type === "timeoutNow",
  installing: (from, to, letter) => from === "raft" && to === "storage" && typeOf(letter) === "receiveChunk",
  restoring: (from, to) => from === "storage" && to === "lock",
  saving: (from, to) => from === "lock" && to === "storage",
  granting: (from, to) => from === "lock" && to === "gateway",
  renewing: (from, to) => from === "gateway" && to === "lease",
  expiring: (from, to, letter) => from === "lease" && to === "raft" && (letter as LeaseToRaft).type === "propose",
};

/** Sees letters go by and tells at which of them the trap springs. */
export function createTrap(trap: Trap, drawBelow: (bound: number) => number): Springs {
  if (trap !== "anyLetter") return springs[trap];
  let left = 1 + drawBelow(lettersMax);
  return () => {
    left -= 1;
    return left <= 0;
  };
}
