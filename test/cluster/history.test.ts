// The rules for recorded runs: each passes a run that keeps it and reports one that breaks it.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Action, type History, newHistory, operationsOf, parseHistory, type Result } from "./history.ts";
import { oneHolder, violations } from "./history-rules.ts";

const test = suite("cluster/history");

interface Done {
  readonly action: Action;
  readonly result: Result;
  readonly from: number;
  readonly to: number;
  readonly token?: number;
  readonly lock?: string;
  /** When the attempt that was answered was sent, if it was not the first. */
  readonly answeredSentAt?: number;
}

const nanoseconds = (milliseconds: number) => String(milliseconds * 1_000_000);

/** A run of these operations; leases last for 1000 ms. */
const run = (...operations: Done[]): History => runOver(1, ...operations);

/** The same, over several regions. */
function runOver(regions: number, ...operations: Done[]): History {
  const history = newHistory({
    seed: 1,
    git: "",
    locks: 1,
    ttlMs: 1_000,
    rho: 0,
    epsMs: 0,
    electionMs: 0,
    regions,
    nodes: 3,
  });
  for (const [id, { action: f, result: out, from, to, token, lock = "a", answeredSentAt }] of operations.entries()) {
    const common = { id, proc: id, f, lock, req: `r${id}`, ...(token === undefined ? {} : { token }) };
    history.lines.push(
      { kind: "inv", ...common, t: nanoseconds(from) },
      ...(answeredSentAt === undefined
        ? []
        : [{ kind: "att", id, t0: nanoseconds(answeredSentAt), t1: nanoseconds(to), node: "" } as const]),
      { kind: out === "unknown" ? "info" : "ok", ...common, t: nanoseconds(to), out },
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

test("a renewal that is answered too late revives nothing, and binds the lock all the same", () => {
  const history = run(granted(0, 1, 1), renewed(900, 1_001, 1), granted(1_002, 1_003, 2));
  assert.equal(oneHolder(operationsOf(history), history.header), []);
  breaks(history, /no order explains/);
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

test("what a lock protects accepts no write of an earlier holder after one of a later", () => {
  const write = (from: number, token: number, result: Result): Done => ({
    action: "write",
    result,
    from,
    to: from + 1,
    token,
  });
  const grants = [granted(0, 1, 1), released(2, 3, 1), granted(4, 5, 2)];
  assert.equal(violations(run(...grants, write(6, 2, "written"), write(8, 1, "stale"))), []);
  breaks(run(...grants, write(6, 2, "written"), write(8, 1, "written")), /was accepted after/);
});

test("a history that no lock could have produced is reported", () => {
  breaks(
    run(granted(0, 1, 1), { action: "acquire", result: "held", from: 2, to: 3 }, released(0, 1, 7)),
    /no order explains/,
  );
});

test("over regions tokens are of one lock each: unique and rising there, and nowhere else", () => {
  assert.equal(violations(runOver(3, granted(0, 1, 2), granted(2, 3, 1, "b"), granted(4, 5, 2, "c"))), []);
  breaks(runOver(3, granted(0, 1, 1), released(2, 3, 1), granted(4, 5, 1)), /token 1 was given to/);
  breaks(runOver(3, granted(0, 1, 2), released(2, 3, 2), granted(4, 5, 1)), /had reached before it was asked for/);
});

test("over regions the span of a grant begins with the first attempt: a later one may only have been shown it", () => {
  const repeated = { ...granted(0, 501, 1), answeredSentAt: 500 };
  assert.equal(violations(runOver(3, repeated, granted(1_001, 1_002, 2))), []);
  breaks(run(repeated, granted(1_001, 1_002, 2)), /still did/);
});

test("over regions a grant that nobody can tell of may be taken back at any time, one that was answered may not", () => {
  const open: Done = { action: "acquire", result: "unknown", from: 0, to: 300 };
  const held: Done = { action: "acquire", result: "held", from: 10, to: 20 };
  assert.equal(violations(runOver(3, open, held, granted(30, 40, 1))), []);
  breaks(run(open, held, granted(30, 40, 1)), /no order explains/);
  breaks(runOver(3, granted(0, 5, 1), held, granted(30, 40, 2)), /still did/);
});

test("over regions a lease that was called lost may still be given back, and is not held", () => {
  const lost: Done = { action: "renew", result: "lost", from: 1_001, to: 1_002, token: 1 };
  assert.equal(violations(runOver(3, granted(0, 1, 1), lost, released(1_003, 1_004, 1))), []);
  breaks(run(granted(0, 1, 1), lost, released(1_003, 1_004, 1)), /no order explains/);
  breaks(runOver(3, granted(0, 1, 1), { ...lost, from: 500, to: 501 }), /too early/);
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
