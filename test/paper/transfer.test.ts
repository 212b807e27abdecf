import { suite } from "uvu";
import * as assert from "uvu/assert";
import { logIndex, term } from "../../src/actors/scalars.ts";
import {
  check,
  committed,
  deliver,
  type Group,
  groupLedBy,
  hear,
  heartbeat,
  logOf,
  member,
  propose,
  role,
  sent,
  settle,
  step,
  take,
  termOf,
  timeOut,
} from "./group.ts";
import { acquire, vote } from "./messages.ts";

const test = suite("paper/leadership transfer");

const handOver = (three: Group, id: string) => step(three, id, { type: "handOver" });

test("§3.10: a leader that hands over takes no new requests", () => {
  const three = groupLedBy("a");
  handOver(three, "a");
  take(three, () => true);
  propose(three, "a", acquire("x"));
  check(three, "a", "x");
  step(three, "a", { type: "confirm", ticket: 1 });
  assert.equal([logOf(three, "a"), three.wire], [[1], []]);
  assert.is(member(three, "a").standing?.leader, null, "and its gateway sends it none");
});

test("§3.10: the heir is brought up to date first, and only then told to stand", () => {
  const three = groupLedBy("a");
  propose(three, "a", acquire("x"));
  take(three, () => true);
  handOver(three, "a");
  assert.equal(sent(three, "a", "timeoutNow"), []);
  timeOut(three, "a", "heartbeat");
  deliver(three, ({ to }) => to === "b");
  deliver(three, ({ from }) => from === "b");
  deliver(three, ({ to }) => to === "b");
  deliver(three, ({ from }) => from === "b");
  assert.equal(sent(three, "a", "timeoutNow"), [
    { to: "b", message: { type: "timeoutNow", term: term(1), lastIndex: logIndex(2) } },
  ]);
});

test("§3.10: the heir stands at once, without asking first and without waiting for its timeout, and wins", () => {
  const three = groupLedBy("a");
  handOver(three, "a");
  deliver(three, ({ message }) => message.type === "timeoutNow");
  assert.equal([role(three, "b"), termOf(three, "b")], ["candidate", 2]);
  settle(three);
  assert.equal(
    ["a", "b", "c"].map((id) => role(three, id)),
    ["follower", "leader", "follower"],
  );
  assert.is(committed(three, "b"), 2);
});

test("§3.10: voters that hear the leader vote in an election that it asked for, and in no other", () => {
  const three = groupLedBy("a");
  hear(three, "c", "b", vote(2, [1, 1]));
  assert.equal(three.wire, []);
  hear(three, "c", "b", vote(2, [1, 1], { transfer: true }));
  assert.is(sent(three, "c", "voteResponse")[0]?.message.granted, true);
});

test("§3.10: if the heir has not taken over after an election timeout, the leader goes on with what it stopped", () => {
  const three = groupLedBy("a");
  handOver(three, "a");
  take(three, () => true);
  assert.is(member(three, "a").timers.get("transfer")?.max, 500);
  timeOut(three, "a", "transfer");
  assert.is(member(three, "a").standing?.leader, "a");
  propose(three, "a", acquire("x"));
  settle(three);
  assert.is(committed(three, "a"), 2);
});

test("§3.10: a request to stand that comes too late changes nothing", () => {
  const three = groupLedBy("a");
  handOver(three, "a");
  const late = take(three, ({ message }) => message.type === "timeoutNow");
  timeOut(three, "a", "transfer");
  propose(three, "a", acquire("x"));
  settle(three);
  three.wire = late;
  settle(three);
  assert.equal(
    ["a", "b"].map((id) => [role(three, id), termOf(three, id)]),
    [
      ["leader", 1],
      ["follower", 1],
    ],
  );
});

test("§3.10: the heir is the follower whose log is the most complete", () => {
  const three = groupLedBy("a");
  propose(three, "a", acquire("x"));
  settle(three, ["a", "c"]);
  handOver(three, "a");
  settle(three);
  assert.equal([role(three, "c"), logOf(three, "c")], ["leader", [1, 1, 2]]);
  heartbeat(three, "c");
  assert.equal(logOf(three, "b"), [1, 1, 2]);
});

test.run();
