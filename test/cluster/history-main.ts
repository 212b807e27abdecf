// `npm run history -- --out FILE --faults kill,pause,cut --seconds 30`: three real nodes, or with `--regions 3 --nodes 3` three
// regions of three, clients of every kind, faults, and all that was done and seen as JSON lines in FILE, for a checker of one's
// own. It is judged here too. Exit code 1: a rule was broken; 2: the run was too quiet to prove anything.

import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type Cluster, orLastWords, statusOf } from "./cluster.ts";
import { type HarmName, harm, harmNames } from "./harm.ts";
import { clock, type History, newHistory, operationsOf, recordPhase, writeHistory } from "./history.ts";
import { violations } from "./history-rules.ts";
import { startHolders } from "./holders.ts";
import { startLinked } from "./links.ts";
import { startRegions } from "./region-group.ts";
import { newResource } from "./resource.ts";
import { checkAll, startWorkload } from "./workload.ts";

/** Of one region; several do with less, because what goes from one to another is dearer. */
const acquiresPerSecondMin = 100;
const healedMs = 3_000;
const watchEveryMs = 200;
const locks = Array.from({ length: 128 }, (_, n) => `lock-${n}`);

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        out: { type: "string", default: "data/history.jsonl" },
        faults: { type: "string", default: harmNames.join() },
        seconds: { type: "string", default: "30" },
        seed: { type: "string", default: String(Math.floor(Math.random() * 1_000_000)) },
        clients: { type: "string", default: "64" },
        regions: { type: "string", default: "1" },
        nodes: { type: "string", default: "3" },
      },
    });
    const kinds = values.faults.split(",").map((name) => harmNames.find((known) => known === name));
    const [seconds, seed, clients] = [Number(values.seconds), Number(values.seed), Number(values.clients)];
    const [regions, nodes] = [Number(values.regions), Number(values.nodes)];
    const isRight =
      seconds > 0 &&
      Number.isSafeInteger(seed) &&
      [clients, regions, nodes].every((count) => Number.isInteger(count) && count > 0) &&
      regions * nodes > 1;
    if (isRight && !kinds.includes(undefined)) {
      return { out: values.out, kinds: kinds as HarmName[], seconds, seed, clients, regions, nodes };
    }
  } catch (error) {
    console.error((error as Error).message);
  }
  console.error(
    "--out FILE, --seconds N, --seed N, --clients N, --regions N, --nodes N in each region; " +
      `--faults is some of ${harmNames.join()}`,
  );
  process.exit(64);
}

/** Writes down who says that it leads, until it is told to stop. */
function watch(history: History, { sites }: Cluster): () => Promise<void> {
  let running = true;
  const watchers = sites.map(async (site) => {
    let led = false;
    while (running) {
      const status = await statusOf(site);
      const leads = status?.isLeader ?? false;
      if (leads !== led) {
        history.lines.push({ kind: "srv", node: site.nodeId, t: clock(), ev: leads ? "leader" : "stepdown" });
      }
      led = leads;
      await pause(watchEveryMs);
    }
  });
  return async () => {
    running = false;
    await Promise.all(watchers);
  };
}

/** How many operations of each outcome there are, most first. */
function outcomesOf(history: History): string {
  const counts = new Map<string, number>();
  for (const { action, result } of operationsOf(history)) {
    const outcome = `${action} ${result}`;
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  }
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  return sorted.map(([outcome, count]) => `${outcome} ${count}`).join(", ");
}

const { out, kinds, seconds, seed, clients, regions, nodes } = readOptions();
const history = newHistory({
  seed,
  git: spawnSync("git", ["rev-parse", "HEAD"], { encoding: "utf8" }).stdout?.trim() ?? "",
  locks: locks.length,
  ttlMs: 2_000,
  rho: 0.01,
  epsMs: 50,
  electionMs: 1_000,
  regions,
  nodes,
});
const linked = regions === 1 ? await startLinked({ size: nodes }) : await startRegions({ regions, nodes });
const { cluster } = linked;
let granted = 0;
try {
  await orLastWords(cluster, async () => {
    const unwatch = watch(history, cluster);
    const resource = newResource(history);
    const common = { history, sites: cluster.sites, locks, resource };
    const workload = startWorkload({ ...common, clients, withinMs: 1_000, attemptsMax: 8 });
    const stopHolders = startHolders({ ...common, clients: 6 });
    recordPhase(history, "faults");
    const begun = performance.now();
    await harm(linked, { history, kinds, seconds });
    const lasted = (performance.now() - begun) / 1_000;
    granted = history.lines.filter((line) => line.kind === "ok" && line.out === "granted").length / lasted;
    recordPhase(history, "heal");
    linked.network.heal();
    await pause(healedMs);
    await Promise.all([workload.stop(), stopHolders(), unwatch()]);
    recordPhase(history, "final");
    await checkAll(history, cluster.sites, locks);
  });
} finally {
  await cluster.stop();
}
mkdirSync(dirname(out), { recursive: true });
writeHistory(history, out);
const found = violations(history);
const count = (kind: "info" | "fault") => history.lines.filter((line) => line.kind === kind).length;
const stale = operationsOf(history).filter(({ action, result }) => action === "write" && result === "stale").length;
console.log(outcomesOf(history));
console.log(`${out}: seed ${seed}, ${history.lines.length} lines, ${Math.ceil(count("fault") / 2)} faults,`);
console.log(
  `${granted.toFixed(0)} locks granted per second of faults, ${count("info")} outcomes unknown, ${stale} stale writes`,
);
for (const sentence of found.slice(0, 20)) console.log(sentence);
console.log(found.length === 0 ? "every rule holds" : `${found.length} violations`);
const counts = granted >= acquiresPerSecondMin / (regions === 1 ? 1 : 10) && count("fault") > 0 && stale > 0;
if (!counts) console.log("too quiet to prove anything: too few grants, no fault, or no stale write");
if (found.length > 0) process.exitCode = 1;
else if (!counts) process.exitCode = 2;
