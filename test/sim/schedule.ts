// Virtual time: what is going to happen, earliest first. What is due at the same moment happens in the order in which it
// was scheduled, so a run depends on nothing but its seed.

/** True time of the simulated world in milliseconds. No actor ever sees it: each node has a clock of its own. */
export type Moment = number;

export interface Happening {
  readonly at: Moment;
  readonly sequence: number;
  /** Null once it has been called off, and once it has happened. */
  action: (() => void) | null;
}

/** `heap` and `moments` side by side: a heap in which everybody has four below him, flatter than one of two. */
export interface Schedule {
  now: Moment;
  sequence: number;
  /** How many happenings have happened. */
  happened: number;
  waiting: number;
  moments: Float64Array;
  readonly heap: Happening[];
}

const roomAtFirst = 256;

export const createSchedule = (): Schedule => ({
  now: 0,
  sequence: 0,
  happened: 0,
  waiting: 0,
  moments: new Float64Array(roomAtFirst),
  heap: [],
});

/** Has `action` happen at `at`, or now if that is past. */
export function schedule(timetable: Schedule, at: Moment, action: () => void): Happening {
  timetable.sequence += 1;
  const moment = at > timetable.now ? at : timetable.now;
  const happening: Happening = { at: moment, sequence: timetable.sequence, action };
  if (timetable.waiting === timetable.moments.length) {
    const larger = new Float64Array(2 * timetable.waiting);
    larger.set(timetable.moments);
    timetable.moments = larger;
  }
  const { moments, heap } = timetable;
  let place = timetable.waiting;
  timetable.waiting += 1;
  // What is scheduled last has the highest number: it stays below whatever is due at the same moment.
  while (place > 0) {
    const parent = (place - 1) >> 2;
    const above = moments[parent] as number;
    if (above <= moment) break;
    moments[place] = above;
    heap[place] = heap[parent] as Happening;
    place = parent;
  }
  moments[place] = moment;
  heap[place] = happening;
  return happening;
}

/** Has `action` happen `span` from now. */
export const scheduleIn = (timetable: Schedule, span: number, action: () => void): Happening =>
  schedule(timetable, timetable.now + span, action);

export function callOff(happening: Happening): void {
  happening.action = null;
}

/** Takes out the earliest: the last one sinks from its place. */
function dropEarliest(timetable: Schedule): void {
  const { moments, heap } = timetable;
  timetable.waiting -= 1;
  const size = timetable.waiting;
  const last = heap.pop() as Happening;
  if (size === 0) return;
  const moment = moments[size] as number;
  let place = 0;
  for (;;) {
    const first = 4 * place + 1;
    if (first >= size) break;
    const end = Math.min(first + 4, size);
    let child = first;
    let least = moments[first] as number;
    for (let other = first + 1; other < end; other += 1) {
      const its = moments[other] as number;
      if (its < least || (its === least && isBefore(heap, other, child))) {
        child = other;
        least = its;
      }
    }
    if (moment < least || (moment === least && last.sequence < (heap[child] as Happening).sequence)) break;
    moments[place] = least;
    heap[place] = heap[child] as Happening;
    place = child;
  }
  moments[place] = moment;
  heap[place] = last;
}

const isBefore = (heap: readonly Happening[], one: number, other: number): boolean =>
  (heap[one] as Happening).sequence < (heap[other] as Happening).sequence;

/** Lets everything happen that is due up to `until`, or until `isDone` says so. Tells whether `isDone` did. */
export function runUntil(timetable: Schedule, until: Moment, isDone?: () => boolean): boolean {
  for (;;) {
    if (isDone?.()) return true;
    const earliest = timetable.heap[0];
    if (earliest === undefined || earliest.at > until) break;
    dropEarliest(timetable);
    timetable.now = earliest.at;
    const { action } = earliest;
    if (action === null) continue;
    earliest.action = null;
    timetable.happened += 1;
    action();
  }
  timetable.now = until;
  return false;
}
