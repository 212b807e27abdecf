import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { arrows } from "../src/actors/topology.ts";
import { codeLines, codeOf, functionsOf, importsOf } from "./source.ts";

/** Compiled, this file stands in dist/test. */
const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const read = (path: string): string => readFileSync(join(root, path), "utf8");

function filesUnder(folder: string, extension: RegExp): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && extension.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split("\\").join("/"))
    .filter((path) => !path.includes("/generated/"))
    .sort();
}

const sources = filesUnder("src", /\.c?ts$/);
const tests = filesUnder("test", /\.ts$/);
const programs = [...sources, ...tests, ...filesUnder("bench", /\.ts$/), ...filesUnder("scripts", /\.mjs$/)];

/** The files of this repository that `path` imports, and the packages. */
function importsFrom(path: string): { files: string[]; packages: string[] } {
  const specifiers = importsOf(read(path));
  const isFile = (specifier: string) => specifier.startsWith(".");
  return {
    files: specifiers.filter(isFile).map((specifier) => posix.join(posix.dirname(path), specifier)),
    packages: specifiers.filter((specifier) => !isFile(specifier)),
  };
}

// scalars ← operations ← ballots ← records ← replication ← messages ← topology ← actor ← {gateway, raft, lock, lease, region} ← transport ← main
const kernel: Readonly<Record<string, number>> = {
  "scalars.ts": 0,
  "invariant.ts": 0,
  "config.ts": 1,
  "operations.ts": 1,
  "ballots.ts": 2,
  "records.ts": 3,
  "replication.ts": 4,
  "messages.ts": 5,
  "alarms.ts": 6,
  "naming.ts": 2,
  "deadlines.ts": 1,
  "electorate.ts": 1,
  "topology.ts": 6,
  "actor.ts": 7,
};
const actorRank = 8;
const transportRank = 9;
const outermostRank = 10;
const commandLineRank = 11;

/** Where a file belongs. Files of one room may import each other; other imports lead to a lower rank. */
function roomOf(path: string): { name: string; rank: number } {
  const [, top, second] = path.split("/") as [string, string, string?];
  if (top === "actors" && second !== undefined) {
    const rank = kernel[second];
    return rank === undefined ? { name: `actors/${second}`, rank: actorRank } : { name: path, rank };
  }
  if (top === "transport") return { name: top, rank: transportRank };
  if (top === "cli") return { name: top, rank: commandLineRank };
  return { name: top, rank: outermostRank };
}

/** The size of what is larger than the house wants. Entries may shrink and go; none is added, none grows. */
const linesMax = 300;
const functionLinesMax = 70;
const oversized: Readonly<Record<string, number>> = {};

function checkSizes(
  sizes: readonly (readonly [string, number])[],
  max: number,
  known: Readonly<Record<string, number>>,
) {
  const tooLarge = Object.fromEntries(sizes.filter(([, lines]) => lines > max));
  assert.equal(tooLarge, known);
}

const test = suite("architecture");

test("imports form no cycle", () => {
  const done = new Set<string>();
  const visit = (path: string, way: readonly string[]): void => {
    if (way.includes(path)) throw new Error(`a cycle: ${[...way.slice(way.indexOf(path)), path].join(" → ")}`);
    if (done.has(path)) return;
    for (const next of importsFrom(path).files) if (sources.includes(next)) visit(next, [...way, path]);
    done.add(path);
  };
  for (const path of sources) visit(path, []);
});

test("imports lead inward: scalars ← operations ← messages ← topology ← actor ← actors ← transport ← main", () => {
  const outward = sources.flatMap((path) => {
    const own = roomOf(path);
    return importsFrom(path)
      .files.filter((target) => target.startsWith("src/"))
      .filter((target) => {
        const other = roomOf(target);
        return other.name !== own.name && other.rank >= own.rank;
      })
      .map((target) => `${path} imports ${target}`);
  });
  assert.equal(outward, []);
});

test("source files import nothing of tests, benchmarks and scripts", () => {
  const strays = sources.flatMap((path) => importsFrom(path).files.filter((target) => !target.startsWith("src/")));
  assert.equal(strays, []);
});

test("the client library stands alone: it knows the generated native interface, and nothing else of the service", () => {
  const generated = "src/transport/generated/lockmgr/v1/";
  const strays = sources
    .filter((path) => path.startsWith("src/client/"))
    .flatMap((path) => importsFrom(path).files.map((target) => [path, target] as const))
    .filter(([, target]) => !target.startsWith("src/client/") && !target.startsWith(generated))
    .map(([path, target]) => `${path} imports ${target}`);
  assert.equal(strays, []);
});

test("nothing of the service imports the client library but the command line", () => {
  const strays = sources
    .filter((path) => !path.startsWith("src/client/") && !path.startsWith("src/cli/"))
    .filter((path) => importsFrom(path).files.some((target) => target.startsWith("src/client/")));
  assert.equal(strays, []);
});

test("the command line speaks with the service as any client does: only `serve` starts one", () => {
  const strays = sources
    .filter((path) => path.startsWith("src/cli/"))
    .flatMap((path) => importsFrom(path).files.map((target) => [path, target] as const))
    .filter(([, target]) => !/^src\/(cli|client|transport\/generated)\//.test(target))
    .map(([path, target]) => `${path} imports ${target}`);
  assert.equal(strays, ["src/cli/main.ts imports src/main.ts"]);
});

test("actors import no package and no module of Node", () => {
  const strays = sources
    .filter((path) => path.startsWith("src/actors/"))
    .flatMap((path) => importsFrom(path).packages.map((name) => `${path} imports ${name}`));
  assert.equal(strays, []);
});

test("actors have no clock, no randomness, no promises and no process", () => {
  const banned =
    /\b(Date|performance|Math\.random|set(Timeout|Interval|Immediate)|queueMicrotask|process|Promise|async|await|console|globalThis|crypto|fetch|Atomics|WeakRef|require)\b|\bimport\(/;
  const strays = sources
    .filter((path) => path.startsWith("src/actors/"))
    .flatMap((path) => {
      const found = codeOf(read(path)).match(banned);
      return found === null ? [] : [`${path} uses ${found[0]}`];
    });
  assert.equal(strays, []);
});

test("actors catch nothing", () => {
  const strays = sources.filter((path) => path.startsWith("src/actors/") && /\b(try|catch)\b/.test(codeOf(read(path))));
  assert.equal(strays, []);
});

test("only main and the command line write to the console", () => {
  const strays = sources.filter((path) => roomOf(path).rank < outermostRank && /\bconsole\./.test(codeOf(read(path))));
  assert.equal(strays, []);
});

test("every test file runs its tests", () => {
  const idle = tests.filter((path) => path.endsWith(".test.ts") && !/^\s*\w[\w.]*\.run\(\);/m.test(codeOf(read(path))));
  assert.equal(idle, []);
});

test("no test is skipped, and none runs alone", () => {
  const partial = tests.filter((path) => path.endsWith(".test.ts") && /\.(only|skip)\(/.test(codeOf(read(path))));
  assert.equal(partial, []);
});

test("every source file opens with a paragraph that says what it is", () => {
  const silent = [...sources, ...filesUnder("bench", /\.ts$/), ...filesUnder("scripts", /\.mjs$/)].filter(
    (path) => !/^(#!.*\n)?\/[/*]/.test(read(path)),
  );
  assert.equal(silent, []);
});

test(`a file has at most ${linesMax} lines of code`, () => {
  checkSizes(
    programs.map((path) => [path, codeLines(read(path))]),
    linesMax,
    oversized,
  );
});

test(`a function has at most ${functionLinesMax} lines, without the functions inside it`, () => {
  const sizes = sources.flatMap((path) =>
    functionsOf(read(path)).map(({ name, lines }) => [`${path} ${name}`, lines] as const),
  );
  checkSizes(sizes, functionLinesMax, {});
});

test("the diagram in docs/ARCHITECTURE.md has the arrows of the topology", () => {
  const diagram = /```mermaid\n([\s\S]*?)```/.exec(read("docs/ARCHITECTURE.md"))?.[1] ?? "";
  const drawn = [...diagram.matchAll(/^\s*(\w+) --> (\w+(?: & \w+)*)\s*$/gm)].flatMap(([, from, to = ""]) =>
    to.split(" & ").map((receiver) => `${from} --> ${receiver}`),
  );
  assert.equal(drawn.sort(), arrows.map(([from, to]) => `${from} --> ${to}`).sort());
});

test("no tracked file names a package registry or a place on somebody's machine", () => {
  const forbidden = [/registry\.[a-z]+(js)?\.(org|com)/, /\/(home|Users)\/\w+/, /(^|[\s"'`(=:])\/(root|work)\//m];
  const tracked = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "-z"], { cwd: root })
    .toString()
    .split("\0")
    .filter((path) => path !== "" && existsSync(join(root, path)));
  const strays = tracked.flatMap((path) => {
    const text = read(path);
    return forbidden.flatMap((pattern) => {
      const found = pattern.exec(text);
      return found === null ? [] : [`${path}: ${found[0]}`];
    });
  });
  assert.equal(strays, []);
});

test.run();
