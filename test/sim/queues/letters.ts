// What the lock actors of the nodes say, held against the reference: each answers every entry that its node has proposed exactly
// as the log does, and nothing else.

import type { ActorName, LockToLease, LockToRaft, RaftToLock } from "../../../src/actors/messages.ts";
import type { NodeId } from "../../../src/actors/scalars.ts";
import { check, type Witness } from "../witness.ts";
import type { Reference } from "./reference.ts";
import type { Told } from "./twin.ts";

/** The turn that a lock actor is in. */
interface Life {
  /** The entries that it applies. */
  range: readonly [number, number] | null;
  /** What it still has to answer, in any order. */
  owed: string[];
  restored: number;
}

const text = (told: Told): string => JSON.stringify([told.requestId, told.answer]);

export function letterRulesOf(reference: Reference): Witness {
  const lives = new Map<NodeId, Life>();
  const lifeOf = (node: NodeId): Life => {
    const life = lives.get(node) ?? { range: null, owed: [], restored: 0 };
    lives.set(node, life);
    return life;
  };
  const handed = (node: NodeId, from: ActorName, to: ActorName, letter: unknown): void => {
    const life = lives.get(node);
    if (life !== undefined && life.owed.length > 0) {
      check(false, "whatever a node has proposed is answered", () => `${node}: ${life.owed.join(" ")}`);
    }
    if (to === "lock") begin(reference, lifeOf(node), from === "raft" ? (letter as RaftToLock) : null);
  };
  const said = (node: NodeId, from: ActorName, to: ActorName, letter: unknown): void => {
    if (from !== "lock") return;
    const life = lifeOf(node);
    const { type } = letter as { type: string };
    if (to === "raft" && type === "restored")
      life.restored = (letter as Extract<LockToRaft, { type: "restored" }>).index;
    const isAnswer = (to === "gateway" && type === "answers") || (to === "lease" && type === "complete");
    if (!isAnswer || life.range === null) return;
    const { answers } = letter as Extract<LockToLease, { type: "complete" }>;
    for (const answer of answers) judge(node, { life, told: answer as Told });
  };
  return { handed, said, stopped: (node) => void lives.delete(node) };
}

function begin(reference: Reference, life: Life, letter: RaftToLock | null): void {
  life.range = null;
  life.owed = [];
  if (letter?.type !== "apply") return;
  const entries = letter.entries.filter(({ index }) => index > life.restored);
  const [first, last] = [entries[0], entries.at(-1)];
  if (first === undefined || last === undefined) return;
  life.range = [first.index, last.index];
  if (!letter.answer) return;
  for (const { index } of entries) for (const told of reference.answers.get(index) ?? []) life.owed.push(text(told));
}

function judge(node: NodeId, { life, told }: { life: Life; told: Told }): void {
  const [from, to] = life.range as readonly [number, number];
  const answer = text(told);
  const at = life.owed.indexOf(answer);
  if (at >= 0) {
    life.owed.splice(at, 1);
    return;
  }
  check(false, "a node answers what the log says", () => `${node}, applying ${from} to ${to}: ${answer}`);
}
