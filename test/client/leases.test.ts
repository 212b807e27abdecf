// The leases of a client, against a session that is told what to say: since when a lease counts.

import * as assert from "uvu/assert";
import { settingOf } from "../../src/client/checking.ts";
import { newLeases } from "../../src/client/thread/leases.ts";
import { suite } from "../suite.ts";

const test = suite("leases");

test("a welcome for a lease that has been lost meanwhile brings no lease back", () => {
  const nothing = () => undefined;
  const session = { start: nothing, isUp: () => true, call: () => ({ forget: nothing }), restart: nothing };
  const wishes = { onOwn: nothing, onLost: nothing, onSaved: nothing, onEvents: nothing, onGap: nothing };
  let requests = 0;
  const leases = newLeases(
    settingOf("a:1", {}),
    { ...session, close: nothing },
    { ...wishes, requestId: () => String(++requests) },
  );
  const welcome = { lease: { leaseId: 7n, ttlMs: 600_000n, usableMs: 593_950n }, nodeId: "a", revision: 1n };
  assert.ok(leases.hello().open !== undefined);
  leases.onWelcome(welcome);
  const own = leases.own();
  assert.is(own?.id, 7);
  // After a break its session is said hello with it; before the answer is read it is over.
  assert.is(leases.hello().leaseId, 7n);
  if (own !== null) leases.lost(own, "expired");
  leases.onWelcome(welcome);
  assert.is(leases.own(), null);
  assert.ok(leases.hello().open !== undefined, "the next session opens another");
  leases.onWelcome({ ...welcome, lease: { ...welcome.lease, leaseId: 8n } });
  assert.is(leases.own()?.id, 8);
  leases.stop();
});

test.run();
