// Words and numbers as letters have them: any text that UTF-8 can carry, any count that a double holds. And how locks are asked for
// and held.

import type { Ending, Mode } from "../../src/actors/operations.ts";
import { fc } from "../fast-check.ts";

export const word = fc.string({ unit: "grapheme", maxLength: 80 });
/** Said by somebody of himself; where nothing is said it is left out. */
export const saying = fc.string({ unit: "grapheme", minLength: 1, maxLength: 80 });
export const count = fc.maxSafeNat();
export const span = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
export const just = <Type extends string>(type: Type) => fc.constant(type);

/** Words of several kinds: for each kind what it says besides its name. */
export type Kinds<Kind extends string> = Readonly<Record<Kind, fc.Arbitrary<object>>>;
/** Each kind by itself. */
export const eachOf = <Kind extends string>(kinds: Kinds<Kind>): fc.Arbitrary<{ type: string }>[] =>
  Object.entries<fc.Arbitrary<object>>(kinds).map(([type, rest]) => rest.map((fields) => ({ type, ...fields })));
/** A word of any of these kinds. */
export const anyOf = <Kind extends string>(kinds: Kinds<Kind>): fc.Arbitrary<{ type: string }> =>
  fc.oneof(...eachOf(kinds));
/** What says nothing besides its name. */
export const silent = fc.constant({});

const endings = { released: null, expired: null, revoked: null, forced: null } satisfies Record<Ending, null>;
export const ending = fc.constantFrom(...Object.keys(endings));
const modes = { exclusive: null, shared: null, semaphore: null } satisfies Record<Mode, null>;
export const mode = fc.constantFrom(...Object.keys(modes));

export const demands = fc.uniqueArray(fc.record({ lock: word, mode, permits: count, limit: count }), {
  selector: ({ lock }) => lock,
  minLength: 1,
  maxLength: 4,
});

const yielding = fc.record({ reason: word, grace: count, force: fc.boolean() });
/** How a lock is held, field by field. */
export const terms = {
  mode,
  permits: count,
  limit: count,
  context: word,
  delay: count,
  metadata: word,
  yielding: fc.option(yielding),
};
/** Who holds it, field by field. */
const held = { owner: word, lease: count, token: count, ttl: count, grantedAt: count, remaining: span };
export const holder = fc.record(held);
export const grantView = fc.record({ ...held, ...terms });
