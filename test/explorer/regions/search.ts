// Breadth first through every state that the bounds allow, told apart by a hash of 64 bits: of ten million states, two are
// taken for one with a probability of three in a million. The first broken rule has a shortest way to it.

import { acceptors, type Configuration, createModel, type Model, type Rules, type State } from "./model.ts";
import { describe, type Event, follow } from "./steps.ts";

export interface Found {
  readonly states: number;
  readonly transitions: number;
  readonly depth: number;
  /** Whether the bounds were exhausted; else the limit of states ended the search. */
  readonly complete: boolean;
  readonly broken: string | null;
  /** Which of the events that were possible was taken, at each step. */
  readonly path: readonly number[];
  readonly seconds: number;
}

interface Visited {
  table: Uint32Array;
  capacity: number;
  count: number;
  /** By state: the state before it, and which of its events led here. */
  parents: Uint32Array;
  choices: Uint16Array;
}

/** States that are to be followed, one behind the other. */
interface Frontier {
  bytes: Uint8Array;
  numbers: Uint32Array;
  count: number;
}

const createFrontier = (size: number): Frontier => ({
  bytes: new Uint8Array(size * 1024),
  numbers: new Uint32Array(1024),
  count: 0,
});

function push(frontier: Frontier, state: State, number: number): void {
  if (frontier.count === frontier.numbers.length) {
    const { bytes, numbers } = frontier;
    frontier.bytes = new Uint8Array(bytes.length * 2);
    frontier.bytes.set(bytes);
    frontier.numbers = new Uint32Array(numbers.length * 2);
    frontier.numbers.set(numbers);
  }
  frontier.bytes.set(state, frontier.count * state.length);
  frontier.numbers[frontier.count] = number;
  frontier.count += 1;
}

const createVisited = (capacity: number): Visited => ({
  table: new Uint32Array(capacity * 2),
  capacity,
  count: 0,
  parents: new Uint32Array(capacity),
  choices: new Uint16Array(capacity),
});

export function explore(
  config: Configuration,
  rules: Rules,
  { states: statesMax, depth: depthMax = 1000 }: { states: number; depth?: number },
  progress?: (found: Found) => void,
): Found {
  const begun = process.hrtime.bigint();
  const m = createModel(config, rules);
  let visited = createVisited(1 << 16);
  const first = firstState(m);
  add(visited, first, { parent: 0, choice: 0 });
  let frontier = createFrontier(m.size);
  push(frontier, first, 0);
  let [transitions, depth] = [0, 0];
  let broken: string | null = null;
  let path: number[] = [];
  const found = (complete: boolean): Found => ({
    states: visited.count,
    transitions,
    depth,
    complete,
    broken,
    path,
    seconds: Number(process.hrtime.bigint() - begun) / 1e9,
  });
  while (frontier.count > 0 && depth < depthMax) {
    const next = createFrontier(m.size);
    depth += 1;
    for (let at = 0; at < frontier.count; at += 1) {
      const number = frontier.numbers[at] as number;
      const state = frontier.bytes.subarray(at * m.size, (at + 1) * m.size);
      let choice = -1;
      follow(m, state, (after, _event, problem) => {
        choice += 1;
        transitions += 1;
        if (broken !== null) return;
        if (problem != null) {
          broken = problem;
          path = [...pathTo(visited, number), choice];
          return;
        }
        sort(m, after);
        if (visited.count * 2 > visited.capacity) visited = grow(visited);
        const added = add(visited, after, { parent: number, choice });
        if (added >= 0) push(next, after, added);
      });
      if (broken !== null || visited.count >= statesMax) return found(false);
    }
    frontier = next;
    progress?.(found(false));
  }
  return found(frontier.count === 0);
}

/** Where exploration begins. */
function firstState(m: Model): State {
  let state: State = new Uint8Array(m.size);
  for (const { request, by, expiredAt } of m.config.granted ?? []) {
    const [one, other] = by;
    state = play(m, state, (event) => event.type === "begin" && event.request === request && isAt(event.first, one));
    state = play(m, state, (event) => event.type === "promise" && isAt(event, other));
    state = play(m, state, (event) => event.type === "decide" && event.first !== null && isAt(event.first, one));
    state = play(m, state, (event) => event.type === "accept" && isAt(event, other));
    state = play(m, state, (event) => event.type === "grant" && event.request === request);
    if (expiredAt !== undefined) state = play(m, state, (event) => event.type === "expire" && isAt(event, expiredAt));
  }
  return state;
}

const isAt = (event: Event, acceptor: number): boolean => "acceptor" in event && event.acceptor === acceptor;

function play(m: Model, from: State, isMeant: (event: Event) => boolean): State {
  const reached: State[] = [];
  follow(m, from, (after, event) => {
    if (reached.length === 0 && isMeant(event)) reached.push(after.slice());
  });
  return reached[0] ?? from;
}

/** Acceptors in the order of what is in them; says where each was before. */
export function sort(m: Model, state: State): readonly number[] {
  const order = [0, 1, 2];
  const isAfter = (one: number, other: number): boolean => {
    for (let at = 0; at < m.block; at += 1) {
      const difference = (state[one * m.block + at] as number) - (state[other * m.block + at] as number);
      if (difference !== 0) return difference > 0;
    }
    return false;
  };
  const swap = (at: number): void => {
    const [one, other] = [order[at] as number, order[at + 1] as number];
    if (isAfter(one, other)) [order[at], order[at + 1]] = [other, one];
  };
  swap(0);
  swap(1);
  swap(0);
  if (order[0] === 0 && order[1] === 1) return order;
  const blocks = state.slice(0, acceptors * m.block);
  for (const [to, from] of order.entries()) {
    state.set(blocks.subarray(from * m.block, (from + 1) * m.block), to * m.block);
  }
  return order;
}

/** The number of a state that is new, or -1. */
function add(visited: Visited, state: State, { parent, choice }: { parent: number; choice: number }): number {
  let [high, low] = [0x9747b28c, 0x3c6ef372];
  for (let at = 0; at < state.length; at += 1) {
    const byte = state[at] as number;
    high = Math.imul(high ^ byte, 0x5bd1e995);
    high ^= high >>> 15;
    low = Math.imul(low ^ byte, 0x01000193) + 0x7f4a7c15;
    low ^= low >>> 13;
  }
  const [one, other] = [(high | 1) >>> 0, low >>> 0];
  const { table, capacity } = visited;
  const place = placeOf(table, capacity, one, other);
  if (table[place * 2] !== 0) return -1;
  table[place * 2] = one;
  table[place * 2 + 1] = other;
  visited.parents[visited.count] = parent;
  visited.choices[visited.count] = choice;
  visited.count += 1;
  return visited.count - 1;
}

function placeOf(table: Uint32Array, capacity: number, one: number, other: number): number {
  let place = (one ^ Math.imul(other, 0x9e3779b1)) & (capacity - 1);
  while (table[place * 2] !== 0 && (table[place * 2] !== one || table[place * 2 + 1] !== other)) {
    place = (place + 1) & (capacity - 1);
  }
  return place;
}

function grow(visited: Visited): Visited {
  const larger = createVisited(visited.capacity * 2);
  for (let at = 0; at < visited.capacity; at += 1) {
    const [one, other] = [visited.table[at * 2] as number, visited.table[at * 2 + 1] as number];
    if (one === 0) continue;
    const place = placeOf(larger.table, larger.capacity, one, other);
    larger.table[place * 2] = one;
    larger.table[place * 2 + 1] = other;
  }
  larger.parents.set(visited.parents.subarray(0, visited.count));
  larger.choices.set(visited.choices.subarray(0, visited.count));
  larger.count = visited.count;
  return larger;
}

function pathTo({ parents, choices }: Visited, state: number): number[] {
  const path: number[] = [];
  for (let at = state; at > 0; at = parents[at] as number) path.push(choices[at] as number);
  return path.reverse();
}

/** A way in words, one line per event, and what is broken at its end. */
export function retrace(config: Configuration, rules: Rules, path: readonly number[]): string[] {
  const m = createModel(config, rules);
  const lines: string[] = [];
  let state = firstState(m);
  let names: readonly number[] = [0, 1, 2];
  for (const [step, choice] of path.entries()) {
    const taken = take(m, state, choice);
    if (taken === null) return [...lines, `${step + 1}. there is no event ${choice}: other bounds, or other rules`];
    lines.push(`${String(step + 1).padStart(3)}. ${describe(m, taken.after, taken.event, names)}`);
    if (taken.broken !== null) return [...lines, `     broken: ${taken.broken}`];
    const order = sort(m, taken.after);
    const before = names;
    names = order.map((from) => before[from] as number);
    state = taken.after;
  }
  return lines;
}

function take(m: Model, state: State, choice: number): { after: State; event: Event; broken: string | null } | null {
  let at = -1;
  const taken: { after: State; event: Event; broken: string | null }[] = [];
  follow(m, state, (after, event, broken = null) => {
    at += 1;
    if (at === choice) taken.push({ after: after.slice(), event, broken });
  });
  return taken[0] ?? null;
}
