import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fencedRedisCommands } from "../../../src/client/guards/index.cts";
import { errorOf } from "./refusals.ts";

/** Remembers what it was asked, and gives one answer. What the script does is tried on a real server by the interop tests. */
function answering(answer: unknown) {
  const asked: { keys: string[]; arguments: string[] }[] = [];
  return {
    asked,
    eval: async (_script: string, options: { keys: string[]; arguments: string[] }) => {
      asked.push(options);
      return answer;
    },
  };
}

const test = suite("client/guards/redis");

test("every key is named, and every command is sent with its length", async () => {
  const client = answering([1, "OK", 2]);
  const replies = await fencedRedisCommands(client, {
    fenceKey: "{a}:fence",
    token: 34,
    commands: [
      ["SET", "{a}:state", "done"],
      ["RPUSH", "{a}:log", "x", "y"],
    ],
  });
  assert.equal(replies, ["OK", 2]);
  assert.equal(client.asked, [
    {
      keys: ["{a}:fence", "{a}:state", "{a}:log"],
      arguments: ["34", "3", "SET", "{a}:state", "done", "4", "RPUSH", "{a}:log", "x", "y"],
    },
  ]);
});

test("a stale token is refused, and the token that has been seen is named", async () => {
  const error = await errorOf(
    fencedRedisCommands(answering([0, "35"]), { fenceKey: "fence", token: 34n, commands: [["DEL", "state"]] }),
  );
  assert.equal(
    [error.code, error.message],
    ["STALE_TOKEN", 'the fencing token 34 of "fence" is stale: 35 has been seen'],
  );
});

test("an answer that is none is not taken for a success", async () => {
  const error = await errorOf(fencedRedisCommands(answering("OK"), { fenceKey: "fence", token: 34, commands: [] }));
  assert.match(error.message, /has not answered/);
});

test("what is no token is not sent", async () => {
  const client = answering([1]);
  const error = await errorOf(fencedRedisCommands(client, { fenceKey: "fence", token: 0, commands: [] }));
  assert.equal([error.code, client.asked], ["INVALID", []]);
});

test.run();
