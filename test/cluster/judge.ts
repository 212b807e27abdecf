// Ends a recorded run: no rule may be broken, and the run must have been one that could break them.

import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { type History, newHistory, operationsOf, writeHistory } from "./history.ts";
import { violations } from "./history-rules.ts";

interface Run {
  readonly locks: number;
  /** In each region. */
  readonly nodes: number;
  readonly regions?: number;
  readonly ttlMs: number;
}

/** The figures of the defaults, with a lease long enough that none ends by itself unless a test wants that. */
export function recorded(run: Run): History {
  const seed = Number(process.env.LOCKMGR_TEST_SEED ?? Math.floor(Math.random() * 1_000_000));
  return newHistory({ seed, git: "", rho: 0.01, epsMs: 50, electionMs: 0, regions: 1, ...run });
}

/** Reports what broke a rule, and keeps the history of a run that did. */
export function judge(history: History): void {
  const found = violations(history);
  if (found.length === 0) return;
  const directory = join(tmpdir(), "lockmgr-histories");
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `${process.pid}-${history.header.seed}.jsonl`);
  writeHistory(history, file);
  const shown = found.slice(0, 10).join("\n");
  assert.unreachable(
    `${found.length} rules broken in ${operationsOf(history).length} operations, see ${file}\n${shown}`,
  );
}
