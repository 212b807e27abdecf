// The rules of elections and of leaders that can be read from the letters of raft as it writes them, before any harm is
// done: what is voted for whom, what a leader calls committed, and what it lets go before it may. A bug that breaks one of
// them would break the cluster only on a very bad day.

import type {
  ActorName,
  Envelope,
  GatewayToRaft,
  LeaseToRaft,
  RaftMessage,
  RaftToStorage,
  StorageToRaft,
} from "../../src/actors/messages.ts";
import type { NodeId, Term } from "../../src/actors/scalars.ts";
import { everWritten, type Ledger } from "./checkers.ts";
import { check, type Witness } from "./witness.ts";

/** The end of a log. */
interface Tail {
  readonly index: number;
  readonly term: number;
}

/** What one process of a node has said and heard, counted in letters. */
interface Life {
  /** Counts letters of raft. */
  clock: number;
  /** The end of its log as it was last written or loaded. */
  tail: Tail;
  hardState: { readonly term: number; readonly votedFor: NodeId | null };
  /** The term it leads. */
  leads: number | null;
  /** When each round was first sent to anybody, in the term it leads. */
  readonly roundsBegun: Map<number, number>;
  /** The latest beginning of a round that each follower has answered. */
  readonly heard: Map<NodeId, number>;
  /** When each ticket and each query came in. */
  readonly asked: Map<number | string, number[]>;
}

const newLife = (): Life => ({
  clock: 0,
  tail: { index: 0, term: 0 },
  hardState: { term: 0, votedFor: null },
  leads: null,
  roundsBegun: new Map(),
  heard: new Map(),
  asked: new Map(),
});

const isBehind = (one: Tail, other: Tail): boolean =>
  one.term < other.term || (one.term === other.term && one.index < other.index);

interface Elections {
  readonly ledger: Ledger;
  readonly lives: Map<NodeId, Life>;
  /** The longest log that a candidate has claimed in a term, as `kind/candidate/term`. */
  readonly claims: Map<string, Tail>;
}

export function electionRulesOf(ledger: Ledger): Witness {
  const elections: Elections = { ledger, lives: new Map(), claims: new Map() };
  const lifeOf = (node: NodeId): Life => {
    let life = elections.lives.get(node);
    if (life === undefined) {
      life = newLife();
      elections.lives.set(node, life);
    }
    return life;
  };
  const said = (node: NodeId, from: ActorName, to: ActorName, letter: unknown): void => {
    if (from !== "raft") return;
    const life = lifeOf(node);
    life.clock += 1;
    if (to === "storage") noteStored(elections, node, life, letter as RaftToStorage);
    else if (to === "peers") noteMessage(elections, node, life, letter as Envelope);
    else if (to === "lock") noteRead(elections, node, life, letter as { type: string });
    else if (to === "lease") noteLease(elections, node, life, letter as { type: string });
  };
  const handed = (node: NodeId, from: ActorName, to: ActorName, letter: unknown): void => {
    if (to !== "raft") return;
    const life = lifeOf(node);
    life.clock += 1;
    if (from === "peers") noteHeard(life, letter as { from: NodeId; message: RaftMessage });
    else if (from === "storage") noteLoaded(life, letter as StorageToRaft);
    else if (from === "gateway" || from === "lease") noteAsked(life, letter as GatewayToRaft | LeaseToRaft);
  };
  return { said, handed, stopped: (node) => void elections.lives.delete(node) };
}

function noteLoaded(life: Life, letter: StorageToRaft): void {
  if (letter.type === "loaded") {
    life.hardState = letter.hardState;
    life.tail = letter.entries.at(-1) ?? letter.snapshot ?? life.tail;
  } else if (letter.type === "snapshotInstalled") life.tail = letter.position;
}

function noteStored(elections: Elections, node: NodeId, life: Life, letter: RaftToStorage): void {
  if (letter.type !== "append") return;
  const { hardState: kept } = letter;
  if (kept !== null) {
    const former = life.hardState;
    check(
      kept.term > former.term || former.votedFor === null || former.votedFor === kept.votedFor,
      "a voter grants one vote per term and never takes it back (Raft §5.2)",
      () => `${node}: ${JSON.stringify({ former, kept })}`,
    );
    life.hardState = kept;
  }
  life.tail = letter.entries.at(-1) ?? life.tail;
  for (const envelope of letter.release) noteMessage(elections, node, life, envelope);
}

function noteMessage(elections: Elections, node: NodeId, life: Life, { to, message }: Envelope): void {
  switch (message.type) {
    case "preVoteRequest":
    case "voteRequest": {
      const claim = { index: message.lastIndex, term: message.lastTerm };
      const key = `${message.type}/${node}/${message.term}`;
      const former = elections.claims.get(key);
      if (former === undefined || isBehind(former, claim)) elections.claims.set(key, claim);
      return;
    }
    case "preVoteResponse":
      if (message.granted)
        requireUpToDate(elections, life, { voter: node, key: `preVoteRequest/${to}/${message.term}` });
      return;
    case "voteResponse":
      if (message.granted) requireUpToDate(elections, life, { voter: node, key: `voteRequest/${to}/${message.term}` });
      return;
    case "appendRequest":
      return noteAppendRequest(elections, node, life, message);
    default:
      return;
  }
}

function requireUpToDate({ claims }: Elections, { tail }: Life, { voter, key }: { voter: NodeId; key: string }): void {
  const claim = claims.get(key);
  check(
    claim !== undefined && !isBehind(claim, tail),
    "a vote goes to a log that is at least as up to date (Raft §5.4.1)",
    () => `${voter} with ${tail.index}/${tail.term} votes for ${key} with ${JSON.stringify(claim)}`,
  );
}

function noteAppendRequest(
  { ledger }: Elections,
  node: NodeId,
  life: Life,
  { term: at, round, commitIndex }: Extract<RaftMessage, { type: "appendRequest" }>,
): void {
  if (life.leads !== at) {
    life.leads = at;
    life.roundsBegun.clear();
    life.heard.clear();
  }
  if (!life.roundsBegun.has(round)) life.roundsBegun.set(round, life.clock);
  check(
    commitIndex === 0 || everWritten(ledger, commitIndex, at) !== undefined,
    "a leader calls committed only what ends with an entry of its own term (Raft §5.4.2)",
    () => `${node} in term ${at}: ${commitIndex}`,
  );
}

function noteHeard(life: Life, { from, message }: { from: NodeId; message: RaftMessage }): void {
  if (message.type !== "appendResponse" || message.term !== life.leads) return;
  const begun = life.roundsBegun.get(message.round) ?? 0;
  if (begun > (life.heard.get(from) ?? 0)) life.heard.set(from, begun);
}

function noteAsked(life: Life, letter: GatewayToRaft | LeaseToRaft): void {
  const note = (question: number | string): void => {
    const former = life.asked.get(question);
    if (former === undefined) life.asked.set(question, [life.clock]);
    else former.push(life.clock);
  };
  if (letter.type === "confirm") note(letter.ticket);
  else if (letter.type === "read")
    for (const query of letter.queries) note("requestId" in query ? query.requestId : query.ask);
}

function noteLease(elections: Elections, node: NodeId, life: Life, letter: { type: string }): void {
  if (letter.type !== "confirmed") return;
  requireConfirmed(elections, node, life, (letter as unknown as { ticket: number }).ticket);
}

function noteRead(elections: Elections, node: NodeId, life: Life, letter: { type: string }): void {
  if (letter.type !== "read") return;
  const { queries } = letter as unknown as Extract<GatewayToRaft, { type: "read" }>;
  for (const query of queries) {
    requireConfirmed(elections, node, life, "requestId" in query ? query.requestId : query.ask);
  }
}

/** Thesis §6.4: a majority has answered a message that was sent after the question came, and the leader knew what was
 *  committed. */
function requireConfirmed({ ledger }: Elections, node: NodeId, life: Life, question: number | string): void {
  // Asked several times, for it was sent again, it is answered in order; what an earlier leadership dropped never is.
  const asked = life.asked.get(question)?.shift() ?? 0;
  let answered = 1;
  for (const begun of life.heard.values()) if (begun > asked) answered += 1;
  check(
    answered * 2 > ledger.disks.size,
    "a question waits for a round that began after it came, so that whoever holds a lock is seen to hold it (thesis §6.4)",
    () => `${node} in term ${life.leads}: ${question} came at ${asked}, ${JSON.stringify([...life.heard])}`,
  );
  const newest: Term | undefined = ledger.committed.at(-1)?.term;
  check(
    newest !== undefined && newest >= life.hardState.term,
    "nothing is confirmed before an entry of the leader's term is committed (thesis §6.4)",
    () => `${node}: ${newest} is the newest term committed, ${life.hardState.term} its own`,
  );
}
