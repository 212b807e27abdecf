import { once } from "node:events";
import { MessageChannel } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openPostOffice, takeLetters } from "../../src/transport/mailbox.ts";

/** A post office whose turns end when the test says so. */
function office() {
  const ends: (() => void)[] = [];
  return {
    ...openPostOffice((flush) => ends.push(flush)),
    turnsWaiting: () => ends.length,
    endTurn: () => ends.shift()?.(),
  };
}

/** The arrays that arrive at a port until it is closed. */
async function arrivals(channel: MessageChannel): Promise<unknown[]> {
  const batches: unknown[] = [];
  takeLetters(channel.port2, (letters) => batches.push(letters));
  const closed = once(channel.port2, "close");
  channel.port1.close();
  await closed;
  return batches;
}

test("the letters of one turn travel as one array, in the order in which they were written", async () => {
  const channel = new MessageChannel();
  const { open, endTurn } = office();
  const post = open<number>("a → b", channel.port1);
  for (const letter of [1, 2, 3]) post(letter);
  endTurn();
  post(4);
  endTurn();
  assert.equal(await arrivals(channel), [[1, 2, 3], [4]]);
});

test("a turn ends once for all arrows of a thread", async () => {
  const [toB, toC] = [new MessageChannel(), new MessageChannel()];
  const { open, endTurn, turnsWaiting } = office();
  const postToB = open<string>("a → b", toB.port1);
  const postToC = open<string>("a → c", toC.port1);
  postToB("b1");
  postToC("c1");
  postToB("b2");
  assert.is(turnsWaiting(), 1);
  endTurn();
  assert.equal(await arrivals(toB), [["b1", "b2"]]);
  assert.equal(await arrivals(toC), [["c1"]]);
});

test("nothing is posted twice by a flush before the turn ends", async () => {
  const channel = new MessageChannel();
  const { open, flush, endTurn } = office();
  const post = open<string>("a → b", channel.port1);
  post("first");
  flush();
  endTurn();
  assert.equal(await arrivals(channel), [["first"]]);
});

test("a letter that is not plain data is an error that names its arrow", () => {
  const channel = new MessageChannel();
  const { open, flush } = office();
  open<() => void>("a → b", channel.port1)(() => undefined);
  assert.throws(flush, /a letter a → b is not plain data/);
  channel.port1.close();
});

test.run();
