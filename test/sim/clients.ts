// The clients of a simulated cluster, and the `clients` actor of each node: requests that are tried at one node after
// another under the same request id until one answers, over connections that break. What the clients do with it stands in
// workload.ts.

import type { CallId, GatewayToClients, Watched } from "../../src/actors/messages.ts";
import type { Answer, Operation, Standing } from "../../src/actors/operations.ts";
import { millis, type NodeId, type RequestId, requestId, type WallTime, wallTime } from "../../src/actors/scalars.ts";
import { bring, post, type Resident, type SimNode } from "./node.ts";
import type { Random } from "./random.ts";
import { callOff, type Happening, type Moment, type Schedule, scheduleIn } from "./schedule.ts";

/** How clients reach nodes and how patient they are; may be changed at any time. Spans in milliseconds. */
export interface Manners {
  delayMin: number;
  delayMax: number;
  /** How often an answer is lost on its way, the connection with it. */
  lossChance: number;
  /** How long one attempt is given. */
  budgetMin: number;
  budgetMax: number;
  /** How often what a client sends arrives once more: up to `echoMax` later, at any node. */
  echoChance: number;
  echoMax: number;
  /** How often a request is tried again at the same node. */
  stayChance: number;
  /** How long a request is tried before its client gives up and never learns what became of it. */
  patience: number;
}

export interface Attempt {
  readonly call: CallId;
  readonly node: NodeId;
  readonly sentAt: Moment;
}

/** What a client wants, however often it is tried. */
export interface Request {
  /** Counts all requests of the run. */
  readonly id: number;
  /** Null: tried once, under a name that the gateway chooses. */
  readonly requestId: RequestId | null;
  /** Who asks; one thing at a time. */
  readonly client: Client;
  readonly operation: Operation;
  readonly askedAt: Moment;
  readonly attempts: Attempt[];
  isOver: boolean;
}

export interface Client {
  readonly name: string;
  /** Its clock runs at this rate. */
  readonly clockRate: number;
}

/** What came of a request; `answer` is null if the client never learnt. */
export type Settled = (answer: Answer | null, attempt: Attempt | null) => void;

/** Told of everything that clients do. */
export interface ClientWitness {
  readonly asked: (request: Request) => void;
  readonly attempted: (request: Request, attempt: Attempt) => void;
  readonly settled: (request: Request, answer: Answer | null, attempt: Attempt | null) => void;
  /** A client was told that its request waits. */
  readonly waiting?: (request: Request) => void;
}

export interface OpenCall {
  readonly request: Request;
  readonly attempt: Attempt;
  readonly settled: Settled;
  readonly deadline: Happening;
  /** The process that was given the request, if any was; and whether its answer was lost. */
  epoch: number | null;
  isLost: boolean;
}

export interface Crowd {
  readonly timetable: Schedule;
  readonly random: Random;
  readonly manners: Manners;
  readonly witness: ClientWitness;
  readonly nodes: Map<NodeId, SimNode>;
  /** Nodes that no client reaches. */
  readonly unreachable: Set<NodeId>;
  readonly standings: Map<NodeId, Standing>;
  readonly calls: Map<CallId, OpenCall>;
  /** Who watches, by call. Told null when the connection has broken. */
  readonly watches: Map<CallId, (letter: Watched | null) => void>;
  requests: number;
  lastCall: CallId;
  /** Requests whose clients still wait. */
  open: number;
  /** Nothing that was sent long ago arrives any more. */
  isSilent: boolean;
}

export const createCrowd = (parts: Pick<Crowd, "timetable" | "random" | "manners" | "witness" | "nodes">): Crowd => ({
  ...parts,
  unreachable: new Set(),
  standings: new Map(),
  calls: new Map(),
  watches: new Map(),
  requests: 0,
  lastCall: 0,
  open: 0,
  isSilent: false,
});

/** The `clients` actor of a node. */
export function doorOf(crowd: Crowd, node: NodeId): Resident {
  const { random, manners, timetable } = crowd;
  const receive = (letter: GatewayToClients): void => {
    switch (letter.type) {
      case "standing":
        crowd.standings.set(node, letter.standing);
        return;
      case "answered": {
        const { call, answer } = letter;
        if (crowd.watches.has(call)) return crowd.watches.get(call)?.(null);
        if (random.chance(manners.lossChance) || crowd.unreachable.has(node)) return lose(crowd, call);
        scheduleIn(timetable, travel(crowd), () => answered(crowd, call, answer));
        return;
      }
      case "waiting": {
        const { call } = letter;
        if (random.chance(manners.lossChance) || crowd.unreachable.has(node)) return;
        scheduleIn(timetable, travel(crowd), () => toldToWait(crowd, call));
        return;
      }
      case "watched":
      case "watchGone":
        // What is lost on a stream is lost with all that follows.
        if (random.chance(manners.lossChance) || crowd.unreachable.has(node)) crowd.watches.get(letter.call)?.(null);
        else crowd.watches.get(letter.call)?.(letter);
        return;
      case "counted":
        return;
    }
  };
  return { receive };
}

const travel = ({ random, manners }: Crowd): number => random.between(manners.delayMin, manners.delayMax);

/** Asks the cluster for something. `at` names the node to try first. */
export function ask(
  crowd: Crowd,
  client: Client,
  wish: { operation: Operation; isNamed?: boolean; at?: NodeId; repeats?: Request },
  settled: Settled,
): Request {
  crowd.requests += 1;
  crowd.open += 1;
  const { operation, isNamed = true, at, repeats } = wish;
  const request: Request = {
    id: crowd.requests,
    requestId: repeats?.requestId ?? (isNamed ? requestId(`${client.name}/${crowd.requests}`) : null),
    client,
    operation,
    askedAt: crowd.timetable.now,
    attempts: [],
    isOver: false,
  };
  crowd.witness.asked(request);
  attempt(crowd, request, { node: at ?? crowd.random.pick([...crowd.nodes.keys()]), settled });
  return request;
}

/** The wall clock of a node may be an hour wrong; nothing may depend on it. */
function wallClock(crowd: Crowd, node: NodeId): WallTime {
  const skew = (node.charCodeAt(node.length - 1) % 3) - 1;
  return wallTime(Math.round(1_700_000_000_000 + crowd.timetable.now + skew * 3_600_000));
}

/** How long a request may wait in queues. */
const waitOf = (operation: Operation): number => (operation.type === "acquireAll" ? operation.wait : 0);

function lose(crowd: Crowd, call: CallId): void {
  const open = crowd.calls.get(call);
  if (open !== undefined) open.isLost = true;
}

function toldToWait(crowd: Crowd, call: CallId): void {
  const open = crowd.calls.get(call);
  if (open !== undefined) crowd.witness.waiting?.(open.request);
}

function attempt(crowd: Crowd, request: Request, { node, settled }: { node: NodeId; settled: Settled }): void {
  const { timetable, random, manners } = crowd;
  crowd.lastCall += 1;
  const call = crowd.lastCall;
  const wait = waitOf(request.operation);
  const patience = wait > 0 && random.chance(0.7) ? wait : 0;
  const budget = Math.round(random.between(manners.budgetMin, manners.budgetMax)) + patience;
  const made: Attempt = { call, node, sentAt: timetable.now };
  request.attempts.push(made);
  crowd.witness.attempted(request, made);
  const deadline = scheduleIn(timetable, budget + random.between(0, 200), () => {
    const host = crowd.nodes.get(node);
    if (host?.isRunning) post(host, "clients", "gateway", { type: "cancelled", call });
    failed(crowd, call);
  });
  const open: OpenCall = { request, attempt: made, settled, deadline, epoch: null, isLost: false };
  crowd.calls.set(call, open);
  scheduleIn(timetable, travel(crowd), () => {
    const host = crowd.nodes.get(node);
    if (!crowd.calls.has(call) || crowd.unreachable.has(node)) return;
    if (!host?.isRunning) {
      scheduleIn(timetable, travel(crowd), () => failed(crowd, call));
      return;
    }
    open.epoch = host.epoch;
    deliver(crowd, host, { request, call, budget });
    if (request.requestId !== null && random.chance(manners.echoChance)) echo(crowd, request, budget);
  });
}

function deliver(
  crowd: Crowd,
  host: SimNode,
  { request, call, budget }: { request: Request; call: CallId; budget: number },
): void {
  const operation = stamped(request.operation, wallClock(crowd, host.id));
  const { requestId } = request;
  bring(host, "clients", "gateway", {
    type: "request",
    call,
    requestId,
    operation,
    bytes: 100,
    budget: millis(budget),
  });
}

/** The same bytes arrive once more, long after the client has gone on. Nobody waits for the answer. */
function echo(crowd: Crowd, request: Request, budget: number): void {
  const { timetable, random, manners, nodes } = crowd;
  crowd.lastCall += 1;
  const call = crowd.lastCall;
  const to = random.pick([...nodes.keys()]);
  const span = random.pick([1, random.next()]) * random.between(0, manners.echoMax);
  scheduleIn(timetable, span, () => {
    const host = nodes.get(to);
    if (!crowd.isSilent && host?.isRunning && !crowd.unreachable.has(to)) {
      deliver(crowd, host, { request, call, budget });
    }
  });
}

const stamped = (operation: Operation, askedAt: WallTime): Operation =>
  operation.type === "acquire" || operation.type === "acquireAll" ? { ...operation, askedAt } : operation;

function answered(crowd: Crowd, call: CallId, answer: Answer): void {
  if (answer.type === "refused") return failed(crowd, call);
  const open = crowd.calls.get(call);
  if (open !== undefined) settle(crowd, open, answer);
}

/** An attempt came to nothing: the next one goes to another node, unless the client has had enough. */
function failed(crowd: Crowd, call: CallId): void {
  const open = crowd.calls.get(call);
  if (open === undefined) return;
  const { timetable, manners, random, nodes } = crowd;
  const { request, settled, attempt: former } = open;
  const patience = manners.patience + waitOf(request.operation);
  if (request.requestId === null || timetable.now - request.askedAt > patience) return settle(crowd, open, null);
  close(crowd, open);
  const others = [...nodes.keys()].filter((node) => node !== former.node);
  const stays = others.length === 0 || random.chance(manners.stayChance);
  const node = stays ? former.node : random.pick(others);
  scheduleIn(timetable, random.between(5, 100), () => attempt(crowd, request, { node, settled }));
}

function close(crowd: Crowd, open: OpenCall): void {
  callOff(open.deadline);
  crowd.calls.delete(open.attempt.call);
}

function settle(crowd: Crowd, open: OpenCall, answer: Answer | null): void {
  close(crowd, open);
  open.request.isOver = true;
  crowd.open -= 1;
  const attempt = answer === null ? null : open.attempt;
  crowd.witness.settled(open.request, answer, attempt);
  open.settled(answer, attempt);
}

/** A node has died: most connections to it break at once, the others seem to live. */
export function breakConnections(crowd: Crowd, node: NodeId): void {
  for (const [call, { attempt: made }] of crowd.calls) {
    if (made.node !== node || !crowd.random.chance(0.8)) continue;
    scheduleIn(crowd.timetable, travel(crowd), () => failed(crowd, call));
  }
}

/** Whether the process that was asked knows of a call and will be heard when it answers. */
export const isConnected = ({ nodes }: Crowd, { attempt: made, epoch, isLost }: OpenCall): boolean =>
  !isLost && epoch !== null && nodes.get(made.node)?.epoch === epoch;

/** Clients notice which connections are dead, however long they would have waited. */
export function noticeBroken(crowd: Crowd): void {
  for (const [call, open] of crowd.calls) {
    if (!isConnected(crowd, open)) scheduleIn(crowd.timetable, travel(crowd), () => failed(crowd, call));
  }
}

export const describe = (request: Request | undefined): string =>
  JSON.stringify({ ...request, client: request?.client.name }, (key, value) =>
    key === "attempts" ? value.slice(-3) : value,
  );
