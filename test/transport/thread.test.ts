import { MessageChannel } from "node:worker_threads";
import { pino } from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { cancelTimer, type Effect, type Inbox, send, setTimer } from "../../src/actors/actor.ts";
import type { ActorName } from "../../src/actors/messages.ts";
import { fencingToken, instant, millis } from "../../src/actors/scalars.ts";
import { openPostOffice, takeLetters } from "../../src/transport/mailbox.ts";
import type { HostedActor } from "../../src/transport/placement.ts";
import type { Surroundings } from "../../src/transport/resident.ts";
import { type ArrowEnd, acts, type Cast, decides, type Failure, hostThread } from "../../src/transport/thread.ts";
import type { Clockwork } from "../../src/transport/timers.ts";
import { toySettings } from "./toy-settings.ts";

type GatewayEffects = (message: Inbox<"gateway">) => Effect<"gateway">[];

const idle = decides<"region", null>({ start: () => null, receive: () => [], inspect: () => ({}) });

/** A cast in which nobody does anything but those that the test names. */
function castOf(parts: Partial<Cast>): Cast {
  const extra = async () => idle as never;
  return {
    clients: extra,
    gateway: extra,
    peers: extra,
    raft: extra,
    storage: extra,
    lock: extra,
    lease: extra,
    region: extra,
    ...parts,
  };
}

const gatewayThat = (receive: GatewayEffects) => async () =>
  decides<"gateway", null>({
    start: () => null,
    receive: (_, message) => receive(message),
    inspect: () => ({ calls: 7 }),
  });

interface Stage {
  readonly actors: readonly HostedActor[];
  readonly arrows?: readonly ArrowEnd[];
  readonly clockwork?: Partial<Clockwork>;
}

function stage(parts: Partial<Cast>, { actors, arrows = [], clockwork = {} }: Stage) {
  const failures: Failure[] = [];
  const thread = hostThread({
    cast: castOf(parts),
    settings: toySettings(),
    actors,
    arrows,
    clockwork: { now: () => instant(0), random: () => 0, alarm: () => () => undefined, ...clockwork },
    log: pino({ enabled: false }),
    fail: (failure) => failures.push(failure),
    inspectNode: async () => ({}),
  });
  return { thread, failures };
}

const counted = (call: number) =>
  ({ type: "counted", call, counts: { leases: 0, locks: 0, fencingCounter: fencingToken(0) } }) as const;

/** A `clients` that keeps what it is told. */
function listeningClients() {
  const heard: unknown[] = [];
  let ask: Surroundings<"clients">["post"] = () => undefined;
  const start = async () =>
    acts<"clients">(async (surroundings) => {
      ask = surroundings.post;
      return { receive: (letter) => heard.push(letter), inspect: () => ({ open: 3 }), stop: async () => undefined };
    });
  return { start, heard, ask: (call: number) => ask("gateway", { type: "count", call }) };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("letters between actors of one thread are read in the order in which they were written", async () => {
  const clients = listeningClients();
  const gateway = gatewayThat((message) =>
    message.type === "count" ? [send("clients", counted(message.call)), send("clients", counted(-message.call))] : [],
  );
  const { thread } = stage({ clients: clients.start, gateway }, { actors: ["clients", "gateway"] });
  await thread.start();
  clients.ask(1);
  clients.ask(2);
  await turn();
  assert.equal(clients.heard, [counted(1), counted(-1), counted(2), counted(-2)]);
  assert.is(thread.lettersRead(), 6);
});

test("actors of one thread that write to each other without end leave I/O its turn", async () => {
  let received = 0;
  const lock = async () =>
    decides<"lock", null>({
      start: () => null,
      receive: () => [send("lease", { type: "complete", answers: [] })],
      inspect: () => ({}),
    });
  const lease = async () =>
    decides<"lease", null>({
      start: () => null,
      receive: () => {
        received++;
        return [send("raft", { type: "confirm", ticket: received })];
      },
      inspect: () => ({}),
    });
  const raft = async () =>
    decides<"raft", null>({
      start: () => null,
      receive: () => (received < 20_000 ? [send("lock", { type: "takeSnapshot" })] : []),
      inspect: () => ({}),
    });
  const channel = new MessageChannel();
  const { thread } = stage(
    { lock, lease, raft },
    { actors: ["lock", "lease", "raft"], arrows: [{ from: "storage", to: "raft", port: channel.port2 }] },
  );
  await thread.start();
  channel.port1.postMessage([{ type: "snapshotSaved", position: { index: 1, term: 1 } }]);
  let turns = 0;
  for (; received < 20_000; turns++) await turn();
  assert.ok(turns > 3, "others have had turns in between");
  channel.port1.close();
});

test("a letter from another thread is read, and its answer goes out to another thread", async () => {
  const [fromPeers, toRaft] = [new MessageChannel(), new MessageChannel()];
  const gateway = gatewayThat((message) =>
    message.type === "link"
      ? [send("raft", { type: "read", queries: [] }), send("raft", { type: "propose", commands: [] })]
      : [],
  );
  const { thread } = stage(
    { gateway },
    {
      actors: ["gateway"],
      arrows: [
        { from: "peers", to: "gateway", port: fromPeers.port2 },
        { from: "gateway", to: "raft", port: toRaft.port1 },
      ],
    },
  );
  await thread.start();
  const office = openPostOffice();
  office.open("peers → gateway", fromPeers.port1)({ type: "link", node: "n2", clientAddress: null });
  const letters = await new Promise((resolve) => takeLetters(toRaft.port2, resolve));
  assert.equal(letters, [
    { type: "read", queries: [] },
    { type: "propose", commands: [] },
  ]);
  fromPeers.port1.close();
  toRaft.port1.close();
});

test("what comes before an actor has opened its files waits for it, in order", async () => {
  const heard: unknown[] = [];
  const peers = async () =>
    acts<"peers">(async ({ post }) => {
      post("gateway", { type: "replied", from: toySettings().config.node.nodeId, answers: [] });
      await turn();
      heard.push("open");
      return { receive: (letter) => heard.push(letter.type), inspect: () => ({}), stop: async () => undefined };
    });
  const gateway = gatewayThat((message) =>
    message.type === "replied"
      ? [
          send("peers", { type: "forward", to: message.from, requests: [] }),
          send("peers", { type: "reply", to: message.from, answers: [] }),
        ]
      : [],
  );
  const { thread } = stage({ peers, gateway }, { actors: ["peers", "gateway"] });
  await thread.start();
  assert.equal(heard, ["open", "forward", "reply"]);
});

test("a timer that runs out reaches the actor that set it; one that was cancelled does not", async () => {
  const alarms: (() => void)[] = [];
  let time = 0;
  const clients = listeningClients();
  const gateway = gatewayThat((message) => {
    if (message.type === "timeout") return [send("clients", counted(message.timer === "retry" ? 1 : 2))];
    return [setTimer("retry", millis(10)), setTimer("deadline", millis(10)), cancelTimer("deadline")];
  });
  const { thread } = stage(
    { clients: clients.start, gateway },
    {
      actors: ["clients", "gateway"],
      clockwork: {
        now: () => instant(time),
        alarm: (_, ring) => {
          alarms.push(ring);
          return () => undefined;
        },
      },
    },
  );
  await thread.start();
  clients.ask(0);
  await turn();
  time = 10;
  for (const ring of alarms) ring();
  assert.equal(clients.heard, [counted(1)]);
});

test("a timer that is cancelled while its letter waits to be read is not heard of", async () => {
  let ring = (): void => undefined;
  const heard: string[] = [];
  const gateway = gatewayThat((message) => {
    heard.push(message.type);
    if (message.type === "timeout") return [];
    if (message.type === "count" && message.call === 1) return [setTimer("retry", millis(0))];
    ring();
    return [cancelTimer("retry")];
  });
  const clients = listeningClients();
  const { thread } = stage(
    { clients: clients.start, gateway },
    {
      actors: ["clients", "gateway"],
      clockwork: {
        alarm: (_, onAlarm) => {
          ring = onAlarm;
          return () => undefined;
        },
      },
    },
  );
  await thread.start();
  clients.ask(1);
  clients.ask(2);
  await turn();
  assert.equal(heard, ["count", "count"]);
});

test("an actor that throws fails with its name, and no letter is read after that", async () => {
  const clients = listeningClients();
  const broken = new Error("a rule is broken");
  const gateway = gatewayThat((message) => {
    if (message.type === "count" && message.call === 2) throw broken;
    return message.type === "count" ? [send("clients", counted(message.call))] : [];
  });
  const { thread, failures } = stage({ clients: clients.start, gateway }, { actors: ["clients", "gateway"] });
  await thread.start();
  for (const call of [1, 2, 3]) clients.ask(call);
  await turn();
  clients.ask(4);
  await turn();
  assert.equal(failures, [{ actor: "gateway", error: broken, cause: "broken" }]);
  assert.equal(clients.heard, []);
});

test("an actor that cannot go on with its surroundings fails with its name", async () => {
  const full = new Error("the flush failed");
  const storage = async () =>
    acts<"storage">(async ({ fail }) => {
      fail(full);
      return { receive: () => undefined, inspect: () => ({}), stop: async () => undefined };
    });
  const { thread, failures } = stage({ storage }, { actors: ["storage"] });
  await thread.start();
  assert.equal(failures, [{ actor: "storage", error: full, cause: "io" }]);
});

test("an actor that was stopped is sent nothing more, and is stopped once", async () => {
  let stops = 0;
  const heard: unknown[] = [];
  let post: Surroundings<"clients">["post"] = () => undefined;
  const clients = async () =>
    acts<"clients">(async (surroundings) => {
      post = surroundings.post;
      return { receive: (letter) => heard.push(letter), inspect: () => ({}), stop: async () => void stops++ };
    });
  const gateway = gatewayThat((message) => (message.type === "count" ? [send("clients", counted(message.call))] : []));
  const { thread } = stage({ clients, gateway }, { actors: ["clients", "gateway"] });
  await thread.start();
  await thread.stop("clients");
  await thread.stop("clients");
  post("gateway", { type: "count", call: 1 });
  await turn();
  assert.is(stops, 1);
  assert.equal(heard, []);
});

test("every actor of a thread says something of itself", async () => {
  const clients = listeningClients();
  const { thread } = stage(
    { clients: clients.start, gateway: gatewayThat(() => []) },
    { actors: ["clients", "gateway"] },
  );
  await thread.start();
  const inspection: Partial<Record<ActorName, unknown>> = thread.inspect();
  assert.equal(inspection, { clients: { open: 3 }, gateway: { calls: 7 } });
});

test.run();
