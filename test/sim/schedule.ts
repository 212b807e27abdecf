// Virtual time: what is going to happen, earliest first. What is due at the same moment happens in the order in which it
// was scheduled, so a run depends on nothing but its seed.

/** True time of the simulated world in milliseconds. No actor ever sees it: each node has a clock of its own. */
export type Moment = number;

export interface Happening {
  readonly at: Moment;
  readonly sequence: number;
  /** Null once it has been called off. */
  action: (() => void) | null;
}

export interface Schedule {
  now: Moment;
  sequence: number;
  /** How many happenings have happened. */
  happened: number;
  readonly heap: Happening[];
}

export const createSchedule = (): Schedule => ({ now: 0, sequence: 0, happened: 0, heap: [] });

const precedes = (one: Happening, other: Happening): boolean =>
  one.at < other.at || (one.at === other.at && one.sequence < other.sequence);

/** Has `action` happen at `at`, or now if that is past. */
export function schedule(timetable: Schedule, at: Moment, action: () => void): Happening {
  const { heap } = timetable;
  timetable.sequence += 1;
  const happening: Happening = { at: at > timetable.now ? at : timetable.now, sequence: timetable.sequence, action };
  let place = heap.length;
  heap.push(happening);
  while (place > 0) {
    const parent = (place - 1) >> 1;
    const above = heap[parent] as Happening;
    if (precedes(above, happening)) break;
    heap[place] = above;
    place = parent;
  }
  heap[place] = happening;
  return happening;
}

/** Has `action` happen `span` from now. */
export const scheduleIn = (timetable: Schedule, span: number, action: () => void): Happening =>
  schedule(timetable, timetable.now + span, action);

export function callOff(happening: Happening): void {
  happening.action = null;
}

function takeEarliest(heap: Happening[]): Happening | undefined {
  const earliest = heap[0];
  const last = heap.pop();
  if (earliest === undefined || last === undefined || heap.length === 0) return earliest;
  const size = heap.length;
  let place = 0;
  for (;;) {
    const left = 2 * place + 1;
    if (left >= size) break;
    const right = left + 1;
    const child = right < size && precedes(heap[right] as Happening, heap[left] as Happening) ? right : left;
    const below = heap[child] as Happening;
    if (precedes(last, below)) break;
    heap[place] = below;
    place = child;
  }
  heap[place] = last;
  return earliest;
}

/** Lets everything happen that is due up to `until`, or until `isDone` says so. Tells whether `isDone` did. */
export function runUntil(timetable: Schedule, until: Moment, isDone?: () => boolean): boolean {
  for (;;) {
    if (isDone?.()) return true;
    const earliest = timetable.heap[0];
    if (earliest === undefined || earliest.at > until) break;
    takeEarliest(timetable.heap);
    timetable.now = earliest.at;
    if (earliest.action === null) continue;
    timetable.happened += 1;
    earliest.action();
  }
  timetable.now = until;
  return false;
}
