// Breadth first through every state that the bounds allow, each visited once. The first broken rule that is met has a
// shortest way to it.

import { Violation } from "../sim/witness.ts";
import { describe, type Event, eventsOf, follow } from "./events.ts";
import { raftOf } from "./node.ts";
import { keyOf, nodeAt, type System, type World } from "./world.ts";

export interface Limits {
  readonly depth: number;
  readonly states: number;
}

export interface Counterexample {
  readonly rule: string;
  /** Which of the events that were possible was taken, at each step. */
  readonly path: readonly number[];
}

export interface Found {
  /** States that differ. */
  readonly states: number;
  /** Events followed, and so states met, many of them again. */
  readonly transitions: number;
  readonly depth: number;
  /** Whether the bounds were exhausted; else a limit ended the search. */
  readonly complete: boolean;
  readonly counterexample: Counterexample | null;
  /** How often every node had a different inside. */
  readonly nodeStates: number;
  readonly seconds: number;
}

interface Visited {
  /** By state: the state before it, and which of its events led here. */
  readonly parents: number[];
  readonly choices: number[];
}

export function explore(system: System, first: World, limits: Limits, progress?: (found: Found) => void): Found {
  const begun = process.hrtime.bigint();
  const known = new Set([keyOf(first)]);
  const visited: Visited = { parents: [-1], choices: [-1] };
  let frontier: { world: World; number: number }[] = [{ world: first, number: 0 }];
  let transitions = 0;
  let depth = 0;
  const found = (complete: boolean, counterexample: Counterexample | null = null): Found => ({
    states: known.size,
    transitions,
    depth,
    complete,
    counterexample,
    nodeStates: system.nodes.values.length,
    seconds: Number(process.hrtime.bigint() - begun) / 1e9,
  });
  while (frontier.length > 0 && depth < limits.depth) {
    const next: typeof frontier = [];
    depth += 1;
    for (const { world, number } of frontier) {
      for (const [choice, event] of eventsOf(system, world).entries()) {
        transitions += 1;
        const result = attempt(system, world, event);
        if (result instanceof Violation) {
          return found(false, { rule: result.message, path: [...pathTo(visited, number), choice] });
        }
        const key = keyOf(result);
        if (known.has(key)) continue;
        known.add(key);
        next.push({ world: result, number: visited.parents.length });
        visited.parents.push(number);
        visited.choices.push(choice);
        if (known.size >= limits.states) return found(false);
      }
    }
    frontier = next;
    progress?.(found(false));
  }
  return found(frontier.length === 0);
}

function attempt(system: System, world: World, event: Event): World | Violation {
  try {
    return follow(system, world, event);
  } catch (error) {
    if (error instanceof Violation) return error;
    throw error;
  }
}

function pathTo({ parents, choices }: Visited, state: number): number[] {
  const path: number[] = [];
  for (let at = state; at > 0; at = parents[at] as number) path.push(choices[at] as number);
  return path.reverse();
}

/** A way in words, one line per event, and what is broken at its end. */
export function retrace(system: System, first: World, path: readonly number[]): string[] {
  const lines: string[] = [];
  let world = first;
  for (const [step, choice] of path.entries()) {
    const event = eventsOf(system, world)[choice];
    if (event === undefined)
      return [...lines, `${step + 1}. there is no event ${choice}: other bounds, or another program`];
    lines.push(`${String(step + 1).padStart(3)}. ${describe(system, world, event)}`);
    const result = attempt(system, world, event);
    if (result instanceof Violation) return [...lines, `     broken: ${result.message}`];
    lines.push(...changes(system, world, result));
    world = result;
  }
  return lines;
}

/** Who changed role or term, or learned that more is committed. */
function changes(system: System, before: World, after: World): string[] {
  return system.ids.flatMap((id, at) => {
    const [was, is] = [raftOf(nodeAt(system, before, at)), raftOf(nodeAt(system, after, at))];
    const role = (raft: typeof is): string =>
      `${raft.role.type === "candidate" && raft.role.pre ? "asking to be a candidate" : raft.role.type} in term ${raft.term}, ${raft.commitIndex} of ${raft.log.entries.length} committed`;
    return role(was) === role(is) ? [] : [`     ${id} is ${role(is)}`];
  });
}
