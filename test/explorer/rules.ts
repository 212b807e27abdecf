// The rules of Raft, judged in every state from what actors say and what disks hold. Each takes a fact and the history, and
// gives the history that follows.

import type { LeaseState } from "../../src/actors/lease/state.ts";
import { queueOf } from "../../src/actors/lock/queue-table.ts";
import type { LockState } from "../../src/actors/lock/state.ts";
import { holdersOf } from "../../src/actors/lock/table.ts";
import type { Command, Entry, LockToLease, RaftMessage, RaftToLock, RequestAnswer } from "../../src/actors/messages.ts";
import type { NodeId } from "../../src/actors/scalars.ts";
import { check } from "../sim/witness.ts";
import type { History } from "./history.ts";
import { type Fact, type NodeState, raftOf } from "./node.ts";

/** Tells entries apart, in words. */
export function says(command: Command): string {
  switch (command.type) {
    case "noop":
      return "noop";
    case "write":
      return `${command.write.type} ${command.requestId}`;
    case "expire":
      return `expire ${command.lease}/${command.renewals} of term ${command.term}`;
    case "alarm":
      return `alarm ${command.alarm} of term ${command.term}`;
    case "begin":
    case "prepare":
    case "accept":
    case "beginLease":
    case "keepLease":
    case "conclude":
      return JSON.stringify(command);
  }
}

type Sent = Extract<Fact, { type: "sent" }>;

/** Whatever a node promises in a message is on its disk when the message leaves, and is promised once. */
export function judgePromise(history: History, from: NodeId, sent: Sent): History {
  if (sent.cargo.type !== "raft") return history;
  const { message } = sent.cargo;
  switch (message.type) {
    case "voteRequest":
      return judgeVote(history, from, { term: message.term, candidate: from, sent });
    case "voteResponse":
      return message.granted ? judgeVote(history, from, { term: message.term, candidate: sent.to, sent }) : history;
    case "appendRequest":
      check(sent.stored.term >= message.term, "a term is durable before anybody is called in it", () =>
        told(from, sent),
      );
      return history;
    case "appendResponse":
      judgeAcknowledgement(from, sent, message);
      return history;
    default:
      return history;
  }
}

const told = (from: NodeId, { to, cargo, stored }: Sent): string =>
  `${from}→${to} ${JSON.stringify(cargo)}, stored ${JSON.stringify(stored)}`;

function judgeAcknowledgement(
  from: NodeId,
  sent: Sent,
  message: Extract<RaftMessage, { type: "appendResponse" }>,
): void {
  const { stored, lastIndex } = sent;
  check(stored.term >= message.term, "a term is durable before anything is answered in it", () => told(from, sent));
  // In a later term the log may have been replaced since.
  const isDurable = message.matchIndex === null || stored.term > message.term || lastIndex >= message.matchIndex;
  check(isDurable, "entries are durable before they are acknowledged", () => told(from, sent));
}

function judgeVote(
  history: History,
  voter: NodeId,
  { term, candidate, sent }: { term: number; candidate: NodeId; sent: Sent },
): History {
  const { stored } = sent;
  const isStored = stored.term > term || (stored.term === term && stored.votedFor === candidate);
  check(isStored, "a vote is durable before it leaves", () => told(voter, sent));
  const key = `${voter}/${term}`;
  const former = history.votes[key];
  check(
    former === undefined || former === candidate,
    "a voter grants one vote per term (Raft §5.2)",
    () => `${voter} gave its vote of term ${term} to ${former} and to ${candidate}`,
  );
  return former === undefined ? { ...history, votes: { ...history.votes, [key]: candidate } } : history;
}

/** A node says that it leads. Told by raft to the lease actor; without one the role tells. */
export function judgeLeader(history: History, node: NodeState): History {
  const { role, term, log } = raftOf(node);
  if (role.type !== "leader") return history;
  const former = history.leaders[term];
  check(
    former === undefined || former === node.id,
    "a term has one leader (Raft §5.2)",
    () => `${former} and ${node.id} both lead term ${term}`,
  );
  if (former !== undefined) return history;
  for (const [at, entry] of history.committed.entries()) {
    if (entry.term > term) break;
    const own = log.entries[at];
    check(
      own?.term === entry.term && says(own.command) === entry.says,
      "a leader has every committed entry (Raft §5.4)",
      () => `${node.id} leads term ${term} without entry ${at + 1}: ${entry.says} of term ${entry.term}`,
    );
  }
  return { ...history, leaders: { ...history.leaders, [term]: node.id } };
}

/** Entries are handed to the lock actor: they are committed, and the same everywhere. */
export function judgeCommitted(history: History, node: NodeState, letter: RaftToLock): History {
  if (letter.type !== "apply") return history;
  const committed = [...history.committed];
  for (const { index, term, command } of letter.entries) {
    const known = committed[index - 1];
    const text = says(command);
    if (known === undefined) {
      check(index === committed.length + 1, "entries are committed in order", () => `${node.id}: ${index}`);
      committed.push({ term, says: text });
    } else {
      check(
        known.term === term && known.says === text,
        "every node applies the same entries (Raft §5.4.3)",
        () =>
          `${node.id} applies ${text} of term ${term} at ${index}, where ${known.says} of term ${known.term} is committed`,
      );
    }
  }
  return committed.length === history.committed.length ? history : { ...history, committed };
}

/** What is committed stays on the disks of a majority. */
export function judgeDurable({ committed }: History, nodes: readonly NodeState[]): void {
  const newest = committed[committed.length - 1];
  if (newest === undefined) return;
  const index = committed.length;
  const holders = nodes.filter(({ disk }) => disk.entries[index - 1]?.term === newest.term);
  check(
    holders.length * 2 > nodes.length,
    "what is committed is durable on a majority",
    () => `${newest.says} at ${index} is on ${holders.map(({ id }) => id).join(" ") || "no disk"}`,
  );
}

/** Two logs with an entry of one index and term are equal up to there (Raft §5.3). */
export function judgeLogs(one: NodeState, other: NodeState): void {
  const a = raftOf(one).log.entries;
  const b = raftOf(other).log.entries;
  let agreed = Math.min(a.length, b.length);
  while (agreed > 0 && a[agreed - 1]?.term !== b[agreed - 1]?.term) agreed -= 1;
  for (let at = 0; at < agreed; at += 1) {
    const x = a[at] as Entry;
    const y = b[at] as Entry;
    check(
      x.term === y.term && says(x.command) === says(y.command),
      "logs that agree in an entry agree before it (Raft §5.3)",
      () => `${one.id} and ${other.id} at ${at + 1}: ${says(x.command)}, ${says(y.command)}`,
    );
  }
}

/** A read that waited for a round is let through: no later leader was elected before it was asked. */
export function judgeRead(
  history: History,
  node: NodeState,
  { letter, term }: { letter: RaftToLock; term: number },
): void {
  if (letter.type !== "read") return;
  for (const query of letter.queries) {
    const requestId = "requestId" in query ? query.requestId : query.ask;
    judgeFloor(history, { node: node.id, requestId, term, what: "read" });
  }
}

/** The same for renewals that the lease actor acknowledges. */
export function judgeRenewals(history: History, node: NodeState, answers: readonly RequestAnswer[]): void {
  const { leading } = node.actors.get("lease") as LeaseState;
  for (const { requestId, answer } of answers) {
    if (answer.type !== "leaseRenewed") continue;
    judgeFloor(history, { node: node.id, requestId, term: leading ?? 0, what: "renewal" });
  }
}

function judgeFloor(
  { clients }: History,
  { node, requestId, term, what }: { node: NodeId; requestId: string; term: number; what: string },
): void {
  for (const { waiting } of clients) {
    if (waiting === null || waiting.requestId !== requestId) continue;
    check(
      term >= waiting.floor,
      `no ${what} is answered by a leader that was deposed before it came (thesis §6.4)`,
      () =>
        `${node} answers ${requestId} as leader of term ${term}; term ${waiting.floor} had a leader when it was asked`,
    );
  }
}

/** Where nobody asks for anything but exclusive locks: whoever waits has somebody before him, and lives. */
export function judgeQueues({ id, actors }: NodeState): void {
  const { table } = (actors.get("lock") ?? {}) as Partial<LockState>;
  if (table === undefined || table.waiters.size === 0) return;
  for (const { requestId, lease, demands } of table.waiters.values()) {
    const isHindered = demands.some(
      ({ lock }) => holdersOf(table, lock).length > 0 || queueOf(table, lock)[0]?.requestId !== requestId,
    );
    check(isHindered, "nobody waits who could be granted", () => `${id}: ${requestId}`);
    check(table.leases.has(lease), "no ghost waits", () => `${id}: ${requestId} under lease ${lease}`);
  }
}

/** A replica sees leases end: nobody counts on them any more. */
export function judgeEnded(history: History, letter: LockToLease, now: number): History {
  if (letter.type !== "changed") return history;
  let ended = history.ended;
  for (const change of letter.changes) {
    if (change.type !== "ended" || ended[change.lease] !== undefined) continue;
    const { lease } = change;
    ended = { ...ended, [lease]: now };
    for (const [at, client] of history.clients.entries()) {
      const until = Math.max(
        client.lease?.id === lease ? client.lease.until : 0,
        ...client.holds.filter((hold) => hold.lease === lease && !hold.releasing).map((hold) => hold.until),
      );
      check(
        until <= now,
        "no lease ends early",
        () => `lease ${lease} ends at ${now}, client ${at + 1} counts on it until ${until}`,
      );
    }
  }
  return ended === history.ended ? history : { ...history, ended };
}
