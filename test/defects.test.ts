// docs/DEFECTS.md names tests; they must be there, under these names.

import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("defects");

const rows = readFileSync("docs/DEFECTS.md", "utf8")
  .split("\n")
  .filter((line) => /^\| \d+ \|/.test(line));
const namedTest = /`(test\/[^`]+)`: "([^"]+)"/g;

test("each of the twelve defects has a test that shows its absence, and every test named exists", () => {
  assert.is(rows.length, 12);
  for (const row of rows) {
    const named = [...row.matchAll(namedTest)];
    assert.ok(named.length > 0, row);
    for (const [, file = "", name = ""] of named) {
      const titles = readFileSync(file, "utf8").match(/test\(\s*(["`]).*\1/g) ?? [];
      assert.ok(
        titles.some((title) => title.includes(name)),
        `${file} has no test "${name}"`,
      );
    }
  }
});

test.run();
