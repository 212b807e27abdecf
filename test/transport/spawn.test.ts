import { once } from "node:events";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { actorNames, arrows } from "../../src/actors/topology.ts";
import { placements, threadsOf } from "../../src/transport/placement.ts";
import { joinThreads } from "../../src/transport/spawn.ts";
import type { ArrowEnd } from "../../src/transport/thread.ts";

const test = suite("transport/spawn");

const threadsNamed = (threads: "separate" | "shared") =>
  [...threadsOf(placements[threads])].map(([name, actors]) => ({ name, actors }));

const name = ({ from, to }: Pick<ArrowEnd, "from" | "to">): string => `${from} → ${to}`;

function closeAll(joined: ReturnType<typeof joinThreads>): void {
  for (const end of [...joined.own, ...[...joined.ends.values()].flat()]) end.port.close();
}

for (const threads of ["separate", "shared"] as const) {
  test(`every actor but the supervisor has one thread; placement ${threads}`, () => {
    const placed = threadsNamed(threads).flatMap(({ actors }) => actors);
    assert.equal([...placed].sort(), actorNames.filter((actor) => actor !== "supervisor").sort());
  });

  test(`sender and receiver get one end each of every arrow between two threads; placement ${threads}`, () => {
    const placement = placements[threads];
    const joined = joinThreads(threadsNamed(threads));
    for (const [thread, ends] of joined.ends) {
      const expected = arrows.filter(([from, to]) => {
        const [sender, receiver] = [from, to].map((actor) => (actor === "supervisor" ? null : placement[actor]));
        return sender !== receiver && (sender === thread || receiver === thread);
      });
      assert.equal(ends.map(name).sort(), expected.map(([from, to]) => name({ from, to })).sort());
    }
    closeAll(joined);
  });
}

test("the main thread keeps the ends of the supervisor's own arrows and no other", () => {
  const joined = joinThreads(threadsNamed("separate"));
  assert.equal(joined.own.map(name), ["supervisor → raft", "supervisor → gateway"]);
  closeAll(joined);
});

test("the two ends of an arrow are joined", async () => {
  const joined = joinThreads(threadsNamed("separate"));
  const endOf = (thread: string, arrow: string) => joined.ends.get(thread)?.find((end) => name(end) === arrow)?.port;
  const received = once(endOf("lock", "raft → lock") as NonNullable<ReturnType<typeof endOf>>, "message");
  endOf("consensus", "raft → lock")?.postMessage("a letter");
  assert.equal(await received, ["a letter"]);
  closeAll(joined);
});

test.run();
