// Decides whether operations that overlapped in time have an order that a sequential model accepts and that respects which
// of them ended before which began (Wing and Gong 1993, with the memory of Lowe 2017). Knows nothing of locks.

/** What the search needs to know of an operation. An infinite end means that nobody knows whether it took effect. */
export interface Timed {
  readonly invokedAt: number;
  readonly endedAt: number;
}

export interface Model<State, Operation> {
  readonly initial: State;
  /** Equal for equal states only. */
  readonly key: (state: State) => string;
  /**
   * The state after `operation`, or null if it cannot have answered as it did. `latest` is the latest moment at which it can
   * have taken effect: something else, still to come in the order, ended then.
   */
  readonly step: (state: State, operation: Operation, latest: number) => State | null;
}

export type Verdict<Operation> =
  | { readonly type: "linearizable" }
  /** `stuckAt` is the operation at which the longest order that was found broke off. */
  | { readonly type: "refused"; readonly stuckAt: Operation }
  | { readonly type: "undecided" };

/** The beginning or the end of an operation, in a list ordered by time from which both can be lifted and put back. */
interface Node<Operation> {
  readonly operation: Operation;
  readonly number: number;
  /** The end that belongs to this beginning; null for an end, and for a beginning whose end nobody saw. */
  readonly end: Node<Operation> | null;
  readonly isEnd: boolean;
  previous: Node<Operation> | null;
  next: Node<Operation> | null;
}

interface Step<Operation, State> {
  readonly node: Node<Operation>;
  readonly before: State;
}

const stepsMaxDefault = 2_000_000;

export function checkLinearizable<Operation extends Timed, State>(
  operations: readonly Operation[],
  model: Model<State, Operation>,
  stepsMax = stepsMaxDefault,
): Verdict<Operation> {
  const head = listOf(operations);
  let remaining = operations.filter((operation) => Number.isFinite(operation.endedAt)).length;
  const seen = new Set<string>();
  const taken: Step<Operation, State>[] = [];
  let placed = 0n;
  let state = model.initial;
  let node = head.next;
  let longest = -1;
  let stuckAt = operations[0] as Operation;

  for (let steps = 0; remaining > 0; steps += 1) {
    if (steps > stepsMax || node === null) return { type: "undecided" };
    if (!node.isEnd) {
      const bit = 1n << BigInt(node.number);
      const next = model.step(state, node.operation, earliestEnd(head));
      const key = next === null ? "" : `${(placed | bit).toString(16)} ${model.key(next)}`;
      if (next !== null && !seen.has(key)) {
        seen.add(key);
        taken.push({ node, before: state });
        state = next;
        placed |= bit;
        if (node.end !== null) remaining -= 1;
        lift(node);
        node = head.next;
      } else node = node.next;
      continue;
    }
    // This operation has ended, and no order that was tried puts it, or enough of the others, before this moment.
    if (taken.length > longest) {
      longest = taken.length;
      stuckAt = node.operation;
    }
    const last = taken.pop();
    if (last === undefined) return { type: "refused", stuckAt };
    state = last.before;
    placed &= ~(1n << BigInt(last.node.number));
    if (last.node.end !== null) remaining += 1;
    putBack(last.node);
    node = last.node.next;
  }
  return { type: "linearizable" };
}

/** The first end in the list: nothing that is placed next can have taken effect later. */
function earliestEnd<Operation extends Timed>(head: Node<Operation>): number {
  for (let node = head.next; node !== null; node = node.next) if (node.isEnd) return node.operation.endedAt;
  return Number.POSITIVE_INFINITY;
}

function listOf<Operation extends Timed>(operations: readonly Operation[]): Node<Operation> {
  const nodes: Node<Operation>[] = [];
  for (const [number, operation] of operations.entries()) {
    const shared = { operation, number, previous: null, next: null };
    const end = Number.isFinite(operation.endedAt) ? { ...shared, end: null, isEnd: true } : null;
    nodes.push({ ...shared, end, isEnd: false });
    if (end !== null) nodes.push(end);
  }
  const momentOf = (node: Node<Operation>) => (node.isEnd ? node.operation.endedAt : node.operation.invokedAt);
  // At equal moments beginnings come first: then the operations overlap, and either order is allowed.
  nodes.sort((a, b) => momentOf(a) - momentOf(b) || Number(a.isEnd) - Number(b.isEnd));
  const head: Node<Operation> = {
    operation: undefined as unknown as Operation,
    number: -1,
    end: null,
    isEnd: false,
    previous: null,
    next: null,
  };
  let last = head;
  for (const node of nodes) {
    last.next = node;
    node.previous = last;
    last = node;
  }
  return head;
}

function lift<Operation>(node: Node<Operation>): void {
  unlink(node);
  if (node.end !== null) unlink(node.end);
}

function putBack<Operation>(node: Node<Operation>): void {
  if (node.end !== null) link(node.end);
  link(node);
}

function unlink<Operation>(node: Node<Operation>): void {
  if (node.previous !== null) node.previous.next = node.next;
  if (node.next !== null) node.next.previous = node.previous;
}

function link<Operation>(node: Node<Operation>): void {
  if (node.previous !== null) node.previous.next = node;
  if (node.next !== null) node.next.previous = node;
}
