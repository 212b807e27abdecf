// What a process says of flags and variables that it cannot take, and how it explains itself.

import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readSettings } from "../../src/transport/read-settings.ts";
import { addressFlags, documentedRows, flagOf, otherFlags, variables } from "../../src/transport/settings-table.ts";
import { fc } from "../fast-check.ts";
import { type Environment, problemsOf, readAs, settingsOf } from "./settings-reading.ts";

const test = suite("transport/settings problems");

test("a bad address flag is a problem, and so is one beside the flag of its port", () => {
  assert.equal(
    problemsOf(["--grpc-addr", "9000", "--http-addr", ":70000", "--raft-addr", "a:1", "--region-port=2"]).map(
      (problem) => problem.split(":")[0],
    ),
    ["--grpc-addr", "--http-addr", "--raft-addr"],
  );
});

test("all problems are told at once, each under the name that the user wrote", () => {
  const problems = problemsOf(["--grpc-port=x", "stray", "--log-level", "loud"], {
    HTTP_PORT: "70000",
    NODE_ID: "a b",
    RAFT_PEERS: "b:host",
    LOCK_MIN_TIMEOUT_MS: "40000",
  });
  assert.equal(problems, [
    "stray: stray argument; every setting is a --flag",
    'NODE_ID: "a b" is not 1 to 64 of A-Z a-z 0-9 . _ -',
    '--grpc-port: "x" is not a number; it must be a whole number from 0 to 65535',
    'HTTP_PORT: "70000" is out of range; it must be a whole number from 0 to 65535',
    'RAFT_PEERS: "b:host" is not nodeId:host:port; nodeId is 1 to 64 of A-Z a-z 0-9 . _ -, port is from 1 to 65535, an IPv6 host stands in [brackets]',
    '--log-level: "loud" is not one of trace, debug, info, warn, error, fatal, silent',
    "LOCK_MIN_TIMEOUT_MS: 40000 is above LOCK_DEFAULT_TIMEOUT_MS = 30000",
  ]);
});

const one = (env: Environment, starts: string, argv: readonly string[] = []): void => {
  const problems = problemsOf(argv, env);
  assert.is(problems.length, 1, `${JSON.stringify(env)} ${argv.join(" ")}: ${problems.join("\n") || "no problem"}`);
  assert.ok(problems[0]?.startsWith(starts), problems[0]);
};

test("relations between settings are checked, and what just fits is taken", () => {
  one({ RAFT_ELECTION_TIMEOUT_MS: "249" }, "RAFT_ELECTION_TIMEOUT_MS: 249 is too short");
  settingsOf([], { RAFT_ELECTION_TIMEOUT_MS: "250" });
  one({ LOCK_DEFAULT_TIMEOUT_MS: "999" }, "LOCK_MIN_TIMEOUT_MS: 1000 is above LOCK_DEFAULT_TIMEOUT_MS");
  one({ LOCK_DEFAULT_TIMEOUT_MS: "300001" }, "LOCK_DEFAULT_TIMEOUT_MS: 300001 is above LOCK_MAX_TIMEOUT_MS");
  one({ LEASE_MAX_TTL_MS: "999" }, "LOCK_MIN_TIMEOUT_MS: 1000 is above LEASE_MAX_TTL_MS");
  one({ LOCK_MIN_TIMEOUT_MS: "50" }, "LOCK_MIN_TIMEOUT_MS: 50 leaves a client nothing");
  settingsOf([], { LOCK_MIN_TIMEOUT_MS: "51" });
  one({ INFLIGHT_BYTES_MAX: "65535" }, "INFLIGHT_BYTES_MAX: 65535 is below REQUEST_BYTES_MAX");
  one({ SNAPSHOT_ENTRIES: "131072" }, "REQUESTS_REMEMBERED: 131072 is too few");
});

test("ports must differ, unless the system chooses them or they listen on different interfaces", () => {
  one({ GRPC_PORT: "8080" }, "HTTP_PORT: port 8080 is taken by GRPC_PORT");
  one({}, "--raft-addr: port 9090 is taken by GRPC_PORT", ["--raft-addr=127.0.0.1:9090"]);
  settingsOf([], { GRPC_PORT: "0", HTTP_PORT: "0", REGION_PORT: "0" });
  settingsOf(["--raft-addr=127.0.0.2:9090"], { LISTEN_HOST: "127.0.0.1" });
});

test("the list of peers names each other node once, and never this one", () => {
  one({ RAFT_PEERS: "node-1:h:1" }, "RAFT_PEERS: names this node itself, node-1");
  one({ RAFT_PEERS: "b:h:1,b:h:2" }, "RAFT_PEERS: names b twice");
  one({ RAFT_PEERS: "b:h:1,c:h:1" }, "RAFT_PEERS: gives two nodes one address, h:1");
  const many = (count: number): string => Array.from({ length: count }, (_, n) => `n${n}:h:${n + 1}`).join(",");
  one({ RAFT_PEERS: many(7) }, "RAFT_PEERS: 7 peers and this node are more than 7 voters");
  assert.is(settingsOf([], { RAFT_PEERS: many(6) }).config.cluster.voters.length, 7);
  assert.is(settingsOf([], { RAFT_PEERS: " b:h:1 , c:h:2, " }).peers.length, 2);
});

test("a peer that cannot be called is a problem", () => {
  for (const peer of ["b", "b:h", "b::1", "b:h:0", "b:h:65536", "b:::1:9", "b:[h]:9", "b c:h:9", "b:h h:9", ":h:9"]) {
    one({ RAFT_PEERS: peer }, `RAFT_PEERS: ${JSON.stringify(peer)} is not nodeId:host:port`);
  }
});

test("the other regions are named by their nodes, each address once, and this region never", () => {
  one({ REGION_PEERS: "default:h:1" }, "REGION_PEERS: names this region itself, default");
  one({ REGION_PEERS: "eu:h:1,us:h:2,eu:h:1" }, "REGION_PEERS: gives one address twice, h:1");
  one({ REGION_PEERS: "eu:[::1]:1,us:[::1]:1" }, "REGION_PEERS: gives one address twice, [::1]:1");
  one({ RAFT_PEERS: "b:h:1", REGION_PEERS: "eu:h:1" }, "REGION_PEERS: gives h:1, which RAFT_PEERS gives");
  one({ REGION_PEERS: "eu:h" }, 'REGION_PEERS: "eu:h" is not regionId:host:port');
  one({ REGION_PEERS: "e u:h:1, ::1:9" }, 'REGION_PEERS: "e u:h:1", "::1:9" are not regionId:host:port');
  const many = (count: number): string => Array.from({ length: count }, (_, n) => `r${n}:h:${n + 1}`).join(",");
  one({ REGION_PEERS: many(16) }, "REGION_PEERS: names 16 other regions; 15 are the most there can be");
  assert.is(settingsOf([], { REGION_PEERS: many(15) }).config.cluster.regions.length, 16);
});

test("every node of every region makes the same list of the regions", () => {
  const regionsOf = (env: Environment) => settingsOf([], env).config.cluster.regions;
  const expected = ["a", "b", "c"];
  assert.equal(regionsOf({ REGION_ID: "a", REGION_PEERS: "c:h:1,b:h:2,c:h:3" }), expected);
  assert.equal(regionsOf({ REGION_ID: "b", REGION_PEERS: "a:h:4,c:h:1" }), expected);
  assert.equal(regionsOf({ REGION_ID: "c", REGION_PEERS: "b:h:2 , a:h:4," }), expected);
});

test("hosts are names and addresses, nothing else", () => {
  for (const host of ["localhost", "10.0.0.1", "::", "[::1]", "a-b.example.com", "my_service"]) {
    settingsOf([], { LISTEN_HOST: host });
  }
  for (const host of ["a b", "10.0.0.256", "http://x", "-x", "[10.0.0.1]", "x".repeat(254)]) {
    one({ LISTEN_HOST: host }, "LISTEN_HOST: ");
  }
});

test("numbers are whole decimal numbers, fractions where they make sense, bytes with a unit if wished", () => {
  for (const text of ["1e3", "0x10", "12.5", "1 000", "NaN", "Infinity", "-", "９"]) {
    one({ GRPC_PORT: text }, `GRPC_PORT: ${JSON.stringify(text)} is not a number`);
  }
  one({ GRPC_PORT: "-1" }, 'GRPC_PORT: "-1" is out of range');
  one({}, '--grpc-port: "-1" is out of range', ["--grpc-port", "-1"]);
  one({ CLOCK_RATE_ERROR_MAX: "0.21" }, 'CLOCK_RATE_ERROR_MAX: "0.21" is out of range');
  one({ CLOCK_RATE_ERROR_MAX: "1%" }, 'CLOCK_RATE_ERROR_MAX: "1%" is not a number');
  one({ STORAGE_MAP_BYTES: "1GB" }, 'STORAGE_MAP_BYTES: "1GB" is not a number');
  assert.is(settingsOf([], { STORAGE_MAP_BYTES: "1 gi" }).mapBytes, 1024 ** 3);
});

test("what is not served yet is said, never served as something else", () => {
  one({}, "--join: joining a running cluster is not served yet", ["--join=h:1"]);
});

test("bootstrap and join exclude one another", () => {
  assert.equal(
    problemsOf(["--bootstrap", "--join=h:1"]).map((problem) => problem.split(":")[0]),
    ["--join", "--bootstrap"],
  );
  settingsOf(["--bootstrap=false"]);
  one({}, "--bootstrap: takes no value", ["--bootstrap=maybe"]);
});

test("an unknown flag is a problem with a suggestion, and its value is no second one", () => {
  one({}, "--grpc-prot: unknown flag; did you mean --grpc-port?", ["--grpc-prot", "9"]);
  one({}, "--GRPC_PORT: unknown flag; did you mean --grpc-port?", ["--GRPC_PORT=9"]);
  one({}, "-grpc-prot: unknown flag; did you mean --grpc-port?", ["-grpc-prot", "9"]);
  one({}, "-x: unknown flag; --help lists all flags", ["-x", "9"]);
  one({}, "--colour: unknown flag; --help lists all flags", ["--colour"]);
  one({}, "--__proto__: unknown flag", ["--__proto__=9"]);
  one({}, "9: stray argument", ["--", "9"]);
});

test("a flag without a value, or given twice, is a problem", () => {
  one({}, "--node-id: needs a value", ["--node-id"]);
  one({}, "--node-id: needs a value", ["--node-id", "--bootstrap"]);
  one({}, "--node-id: given twice", ["--node-id=a", "--node-id=b"]);
});

test("help and version come first, whatever else is wrong", () => {
  assert.equal(readAs(["--version", "--grpc-port=x"]), { version: "1.2.3" });
  for (const flag of ["--help", "-h"]) {
    const reading = readAs(["--grpc-port=x", flag]);
    assert.ok("help" in reading);
    for (const variable of variables) assert.ok(reading.help.includes(`--${flagOf(variable)} `), variable);
    for (const flag of [...Object.keys(addressFlags), ...Object.keys(otherFlags)]) {
      assert.ok(reading.help.includes(`--${flag} `), flag);
    }
  }
});

test("the documentation has every variable with its flag, default and limits, and no other", () => {
  const text = readFileSync("docs/CONFIGURATION.md", "utf8");
  const rows = text.split("\n").filter((line) => /^\| `[A-Z_]+` \|/.test(line));
  assert.equal(rows, [...documentedRows()]);
  for (const flag of [...Object.keys(addressFlags), ...Object.keys(otherFlags)]) {
    assert.ok(text.includes(`\`--${flag}`), flag);
  }
});

test("whatever is written, reading never throws, and every problem has a name and one line", () => {
  const word = fc.oneof(
    fc.string(),
    fc.string({ unit: "binary" }),
    fc.constantFrom("", "-1", "1e999", "a:b:1", "[::]:1"),
  );
  const flag = fc.constantFrom(...variables.map(flagOf), ...Object.keys(addressFlags), ...Object.keys(otherFlags));
  const argument = fc.oneof(
    word,
    flag.map((name) => `--${name}`),
    fc.tuple(flag, word).map(([name, value]) => `--${name}=${value}`),
  );
  const env = fc.dictionary(fc.constantFrom(...variables, "__proto__", "PATH"), word);
  fc.assert(
    fc.property(fc.array(argument, { maxLength: 6 }), env, (argv, given) => {
      const reading = readSettings(argv, given, { version: "v", incarnation: "i" });
      assert.is(Object.keys(reading).length, 1);
      if ("problems" in reading) {
        assert.ok(reading.problems.length > 0);
        for (const problem of reading.problems) assert.ok(problem.includes(": ") && !/[\n\r]/.test(problem), problem);
      }
    }),
    { numRuns: 500 },
  );
});

test.run();
