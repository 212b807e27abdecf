// Random histories of queues, for rules that hold whatever is asked in whatever order. A step names what it means by number,
// and is made into an entry when its turn comes, so that releases and alarms mean something that is there.

import { alarmsOf } from "../../../src/actors/lock/acquiring.ts";
import type { LockState } from "../../../src/actors/lock/state.ts";
import type { Command } from "../../../src/actors/messages.ts";
import type { Demand, Write } from "../../../src/actors/operations.ts";
import { fc } from "../../fast-check.ts";
import { acquire, acquireUnder, expire, noop, openLease, release, writeCommand } from "./build.ts";
import {
  askYield,
  cancel,
  endLease,
  exclusive,
  forceRelease,
  ownerOf,
  permits,
  proclaim,
  releaseAll,
  ring,
  shared,
  want,
} from "./queue-build.ts";

export interface Step {
  readonly act: (typeof acts)[number];
  /** Each means something of what there is, counted around. */
  readonly one: number;
  readonly other: number;
  readonly demands: readonly Demand[];
  readonly wait: number;
  readonly priority: number;
  readonly delay: number;
  readonly context: string;
}

const acts = [
  ...Array.from({ length: 9 }, () => "want" as const),
  ...Array.from({ length: 3 }, () => "release" as const),
  "wantAlone",
  "again",
  "cancel",
  "alarm",
  "alarm",
  "expire",
  "endLease",
  "open",
  "older",
  "olderUnder",
  "olderRelease",
  "proclaim",
  "askYield",
  "forceRelease",
  "noop",
] as const;

const locks = ["a", "a/b", "c"] as const;
const number = fc.integer({ min: 0, max: 1_000 });

const demand = fc
  .tuple(fc.constantFrom(...locks), fc.integer({ min: 0, max: 6 }))
  .map(([lock, how]) => (how < 3 ? exclusive(lock) : how < 5 ? shared(lock) : permits(lock, how === 5 ? 1 : 2, 2)));

export const steps = (most = 60) =>
  fc.array(
    fc.record<Step>({
      act: fc.constantFrom(...acts),
      one: number,
      other: number,
      demands: fc.uniqueArray(demand, { minLength: 1, maxLength: 2, selector: ({ lock }) => lock }),
      wait: fc.constantFrom(0, 1_000, 1_000, 1_000, 1_000),
      priority: fc.constantFrom(0, 0, 0, 0, 1, 9),
      delay: fc.constantFrom(0, 0, 0, 500),
      context: fc.constantFrom("", "", "", "task"),
    }),
    { minLength: 10, maxLength: most },
  );

/** Leases that clients have opened: never the last one, so that something goes on. */
const leasesOf = ({ table }: LockState): readonly number[] => [...table.leases.keys()].filter((id) => id < 1_000);

const pick = <Item>(items: readonly Item[], number: number): Item | undefined => items[number % (items.length || 1)];

/** What the next entry says; `noop` if the step means something that is not there. */
export function entryOf(state: LockState, step: Step): Command {
  const { act, one, other } = step;
  if (act === "noop") return noop;
  if (act === "alarm") {
    const change = pick([...alarmsOf(state.table)], one);
    return change?.type === "alarmSet" ? ring(change.alarm) : noop;
  }
  if (act === "expire") {
    const lease = pick([...state.table.leases.values()], one);
    // The last of those that clients opened stay, or nothing would happen any more.
    return lease === undefined || leasesOf(state).length < 3 ? noop : expire(lease.id, { renewals: lease.renewals });
  }
  const write = writeOf(state, step);
  if (write === null) return noop;
  const isRepeated = act === "again" && state.table.waiters.size > 0;
  const as = isRepeated ? pick([...state.table.waiters.keys()], other) : undefined;
  return writeCommand(state, write, as === undefined ? {} : { as });
}

function writeOf(state: LockState, { act, one, other, demands, ...wish }: Step): Write | null {
  const { table } = state;
  const lease = pick(leasesOf(state), one);
  const owner = lease === undefined ? "" : (table.leases.get(lease as never)?.owner ?? "");
  const grant = pick([...table.grants.values()].flat(), one);
  const lock = pick(locks, other) as string;
  switch (act) {
    case "want":
    case "again":
      return lease === undefined ? null : want(lease, demands, { ...wish, owner });
    case "wantAlone":
      return want(0, demands, { ...wish, wait: 0, ttl: 5_000, owner: ownerOf(1 + (other % 4)) });
    case "cancel": {
      const request = pick(
        [...table.waiters.keys(), ...[...table.grants.values()].flat().map((each) => each.requestId)],
        one,
      );
      return cancel(request ?? "unknown", null);
    }
    case "endLease":
      return lease === undefined || leasesOf(state).length < 3 ? null : endLease(lease);
    case "open":
      return openLease(ownerOf(1 + (other % 4)));
    case "older":
      return acquire(lock, ownerOf(1 + (other % 4)));
    case "olderUnder":
      return lease === undefined ? null : acquireUnder(lease, lock, owner);
    case "release":
      return grant === undefined ? null : releaseAll(grant.lease, grant.token);
    case "olderRelease":
      return grant === undefined ? null : release(grant.lock, { token: grant.token });
    case "proclaim":
      return grant === undefined ? null : proclaim(grant.lock, grant.lease, grant.token, `says ${other}`);
    case "askYield":
      return askYield(lock, { force: other % 2 === 0 });
    case "forceRelease":
      return grant === undefined ? null : forceRelease(grant.lock, other % 2 === 0 ? null : grant.token);
    default:
      return null;
  }
}
