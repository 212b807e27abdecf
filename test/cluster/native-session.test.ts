// Sessions of the native interface on real nodes, which go on with another node.

import { credentials } from "@grpc/grpc-js";
import * as assert from "uvu/assert";
import { LockServiceClient } from "../../src/transport/generated/lockmgr/v1/lock.ts";
import { type Event, EventKind } from "../../src/transport/generated/lockmgr/v1/types.ts";
import { suite } from "../suite.ts";
import { openSession, type SessionClient } from "../transport/clients/native-session-client.ts";
import { channelOptions, unary } from "./clients.ts";
import { at, type Cluster, leaderOf, others, startCluster, until } from "./cluster.ts";
import { acquire, granted, openLease, release, under, wanting } from "./native-calls.ts";

const test = suite<{ cluster: Cluster; stubs: LockServiceClient[] }>("cluster/native-session");
test.before(async (context) => {
  context.cluster = await startCluster({ size: 3 });
  context.stubs = context.cluster.sites.map(
    (site) => new LockServiceClient(site.grpc, credentials.createInsecure(), channelOptions),
  );
});
test.after(async ({ cluster, stubs }) => {
  for (const stub of stubs ?? []) stub.close();
  await cluster?.stop();
});

const hello = (leaseId: bigint, afterRevision = 0n, owner = "session") =>
  ({
    $case: "hello",
    value: { leaseId, open: { owner, ttlMs: 600_000n, metadata: "", requestId: "" }, afterRevision },
  }) as const;

const wants = (lock: string, requestId: string) =>
  ({ $case: "acquire", value: wanting([lock], { owner: "session", waitMs: 600_000n, requestId }) }) as const;

test("a session goes on with another node when the leader dies: nothing is lost, nothing is done twice", async ({
  cluster,
  stubs,
}) => {
  const leader = await leaderOf(cluster);
  const [survivor = 0, third = 0] = others(cluster, leader);
  const session: SessionClient = openSession(at(stubs, leader));
  const welcome = await session.ask(hello(0n), "welcome");
  const lease = welcome.lease?.leaseId as bigint;
  const held = await session.ask(wants("s-held", "1"), "acquired");
  const token = granted(held).token;
  const blocker = await openLease(at(stubs, third), "blocker");
  const blocking = granted(
    await acquire(at(stubs, third), wanting(["s-wait"], { owner: "blocker", under: under(blocker) })),
  );
  const [waitId = 0n] = session.say(wants("s-wait", "2"));
  assert.is((await session.hear(waitId, "queued")).position, 1);
  await cluster.kill(leader);
  assert.ok(await session.ended);

  const resumed = openSession(at(stubs, survivor));
  const back = await resumed.ask(hello(lease, welcome.revision), "welcome");
  assert.equal([back.lease?.leaseId, back.nodeId], [lease, at(cluster.sites, survivor).nodeId]);
  assert.is(granted(await resumed.ask(wants("s-held", "1"), "acquired")).token, token);
  const [again = 0n] = resumed.say(wants("s-wait", "2"));
  await resumed.hear(again, "queued");
  await release(at(stubs, third), blocker, blocking.token);
  const won = granted(await resumed.hear(again, "acquired"));
  const told = (): Event[] =>
    resumed.messages.flatMap(({ message }) => (message?.$case === "events" ? message.value.events : []));
  await until("the session has heard of its grants", () => told().length >= 3);
  assert.equal(
    told().map(({ kind, lock, token }) => [kind, lock, token]),
    [
      [EventKind.EVENT_KIND_GRANTED, "s-held", token],
      [EventKind.EVENT_KIND_QUEUED, "s-wait", 0n],
      [EventKind.EVENT_KIND_GRANTED, "s-wait", won.token],
    ],
  );
  const forced = await unary(at(stubs, third).forceRelease.bind(at(stubs, third)), {
    lock: "s-held",
    token: 0n,
    reason: "maintenance",
    requestId: "",
  });
  assert.equal(forced.tokens, [token]);
  await until("the session is told of its loss", () => told().length >= 4);
  const { kind, text } = told()[3] as Event;
  assert.equal([kind, text], [EventKind.EVENT_KIND_FORCED, "maintenance"]);
  assert.equal(await resumed.ask({ $case: "revokeLease", value: { leaseId: 0n, requestId: "" } }, "revoked"), {
    locks: 1,
  });
  resumed.stream.end();
  assert.is(await resumed.ended, null);
  await cluster.restart(leader);
});

test.run();
