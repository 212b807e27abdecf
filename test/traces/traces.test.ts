import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { play } from "./play.ts";

// `UPDATE_TRACES=1 node dist/test/traces/traces.test.js` writes what happens now; read the difference before you keep it.
const isUpdating = process.env.UPDATE_TRACES === "1";

/** Compiled, this file stands in dist/test/traces; the traces stay beside its source. */
const folder = new URL("../../../test/traces/", import.meta.url);
const names = readdirSync(folder)
  .filter((name) => name.endsWith(".txt"))
  .sort();

const test = suite("traces");

for (const name of names) {
  const path = new URL(name, folder);
  const expected = readFileSync(path, "utf8");

  test(`${name} plays as it is written`, () => {
    const played = play(expected);
    if (isUpdating) writeFileSync(path, played);
    else assert.fixture(played, expected);
  });

  test(`${name} opens with a paragraph that says what to look at`, () => {
    const opening = expected.split("\n\n")[0] ?? "";
    assert.ok(opening.split("\n").every((line) => line.startsWith("# ")));
    assert.ok(opening.length > 200);
  });
}

test("there is a trace for each of the five stories", () => {
  assert.equal(names, ["conflict.txt", "election.txt", "fail-over.txt", "snapshot.txt", "transfer.txt"]);
});

test.run();
