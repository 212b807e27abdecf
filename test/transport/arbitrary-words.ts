// Words, numbers and outcomes as letters have them: any text that UTF-8 can carry, any count that a double holds.

import { fc } from "../fast-check.ts";

export const word = fc.string({ unit: "grapheme", maxLength: 80 });
export const count = fc.maxSafeNat();
export const span = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
export const just = <Type extends string>(type: Type) => fc.constant(type);

export const holder = fc.record({
  owner: word,
  lease: count,
  token: count,
  ttl: count,
  grantedAt: count,
  remaining: span,
});
export const ending = fc.constantFrom("released", "expired");
export const outcome = fc.oneof(
  fc.record({ type: fc.constantFrom("leaseOpened", "leaseRenewed"), lease: count, ttl: count }),
  fc.record({ type: just("granted"), lease: count, token: count, ttl: count }),
  fc.record({ type: just("released"), token: count }),
  fc.record({
    type: fc.constantFrom("locked", "held", "staleToken", "heldByAnotherLease", "heldByAnotherOwner"),
    holder,
  }),
  fc.record({ type: fc.constantFrom("free", "notHeld", "grantExpired", "forgotten") }),
  fc.record({ type: just("grantOver"), token: count, how: ending }),
  fc.record({ type: fc.constantFrom("leaseUnknown", "leaseEnded"), lease: count }),
  fc.record({ type: just("leaseOfAnother"), owner: word }),
);
