// The rules for recorded runs: each passes a run that keeps it and reports one that breaks it.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Action, type History, newHistory, operationsOf, parseHistory, type Result } from "./history.ts";
import { violations } from "./history-rules.ts";

const test = suite("cluster/history");

interface Done {
  readonly action: Action;
  readonly result: Result;
  readonly from: number;
  readonly to: number;
  readonly token?: number;
  readonly lock?: string;
}

const nanoseconds = (milliseconds: number) => String(milliseconds * 1_000_000);

/** A run of these operations; leases last for 1000 ms. */
function run(...operations: Done[]): History {
  const history = newHistory({
    seed: 1,
    git: "",
    locks: 1,
    ttlMs: 1_000,
    rho: 0,
    epsMs: 0,
    electionMs: 0,
    regions: 1,
    nodes: 3,
  });
  for (const [id, { action: f, result: out, from, to, token, lock = "a" }] of operations.entries()) {
    const common = { id, proc: id, f, lock, req: `r${id}`, ...(token === undefined ? {} : { token }) };
    history.lines.push(
      { kind: "inv", ...common, t: nanoseconds(from) },
      { kind: "ok", ...common, t: nanoseconds(to), out },
    );
  }
  return history;
}

const granted = (from: number, to: number, token: number, lock = "a"): Done => ({
  action: "acquire",
  result: "granted",
  from,
  to,
  token,
  lock,
});
const renewed = (from: number, to: number, token: number): Done => ({
  action: "renew",
  result: "renewed",
  from,
  to,
  token,
});
const released = (from: number, to: number, token: number): Done => ({
  action: "release",
  result: "released",
  from,
  to,
  token,
});

const breaks = (history: History, rule: RegExp) => {
  const found = violations(history);
  assert.ok(
    found.some((sentence) => rule.test(sentence)),
    `expected ${rule}, found ${JSON.stringify(found)}`,
  );
};

test("a run in which everything is in order breaks no rule", () => {
  assert.equal(violations(run(granted(0, 1, 1), released(2, 3, 1), granted(4, 5, 2), granted(4, 6, 3, "b"))), []);
});

test("a token is given once", () => {
  breaks(run(granted(0, 1, 1), granted(0, 1, 1, "b")), /token 1 was given to/);
});

test("tokens rise over all locks", () => {
  breaks(run(granted(0, 1, 2), granted(2, 3, 1, "b")), /had reached before it was asked for/);
});

test("grants that overlap may have their tokens in either order", () => {
  assert.equal(violations(run(granted(0, 5, 2), granted(1, 4, 1, "b"))), []);
});

test("nobody is told that it holds a lock while another may still use it", () => {
  breaks(run(granted(0, 1, 1), granted(500, 501, 2)), /still did/);
});

test("a renewal moves the end of what a client may do", () => {
  assert.equal(violations(run(granted(0, 1, 1), granted(1_001, 1_002, 2))), []);
  breaks(run(granted(0, 1, 1), renewed(900, 901, 1), granted(1_001, 1_002, 2)), /still did/);
});

test("a renewal that is answered too late revives nothing", () => {
  assert.equal(violations(run(granted(0, 1, 1), renewed(900, 1_001, 1), granted(1_002, 1_003, 2))), []);
});

test("no renewal is acknowledged that was sent after another had the lock", () => {
  breaks(run(granted(0, 1, 1), granted(1_001, 1_002, 2), renewed(1_003, 1_004, 1)), /was acknowledged after/);
});

test("no lease is called lost before its time", () => {
  breaks(run(granted(0, 1, 1), { action: "renew", result: "lost", from: 500, to: 501, token: 1 }), /too early/);
});

test("a grant that was acknowledged shows in a later check", () => {
  breaks(run(granted(0, 1, 1), { action: "check", result: "free", from: 2, to: 3 }), /does not show the grant/);
});

test("a release that was acknowledged shows in a later check", () => {
  breaks(
    run(granted(0, 1, 1), released(2, 3, 1), { action: "check", result: "locked", from: 4, to: 5, token: 1 }),
    /shows a grant that/,
  );
});

test("a history that no lock could have produced is reported", () => {
  breaks(
    run(granted(0, 1, 1), { action: "acquire", result: "held", from: 2, to: 3 }, released(0, 1, 7)),
    /no order explains/,
  );
});

test("a run with an operation that was never closed proves nothing", () => {
  const history = run(granted(0, 1, 1));
  history.lines.pop();
  assert.throws(() => operationsOf(history), /never closed/);
});

test("a history survives being written and read", () => {
  const history = run(granted(0, 1, 1), released(2, 3, 1));
  const text = history.lines.map((line) => JSON.stringify(line)).join("\n");
  assert.equal(operationsOf(parseHistory(text)), operationsOf(history));
});

test.run();
