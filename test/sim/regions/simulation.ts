// One run of several regions from its plan to its end: clients at work while things go wrong, then a calm in which everything
// must work, then silence, after which nothing may be held any more and nothing may be left in memory.

import type { Answer } from "../../../src/actors/operations.ts";
import { millis, type NodeId, wallTime } from "../../../src/actors/scalars.ts";
import { ask, type Client, type Request } from "../clients.ts";
import { runUntil } from "../schedule.ts";
import type { Report } from "../simulation.ts";
import { check, Violation } from "../witness.ts";
import { countsOf, type Nemesis, unleashWorld } from "./faults.ts";
import { type RegionPlan, regionPlanOf } from "./plan.ts";
import { beginWork, lockName, type Work } from "./workload.ts";
import { clusterOf, createWorld, startWorld, type Watching, type World } from "./world.ts";

/** How long after the last fault everything must work again, and an answer may take then. Milliseconds. */
const recoveryMs = 6000;
const answerMs = 8000;

/** Runs the plan of a seed, or another. Never throws: a broken rule is in the report. */
export function simulateRegions(seed: number, options: Watching & { plan?: RegionPlan } = {}): Report {
  const plan = options.plan ?? regionPlanOf(seed);
  const healedAt = 1000 + plan.each.faultyMs;
  const late: Request[] = [];
  const world = createWorld(plan, {
    ...options,
    clientWitnesses: [...(options.clientWitnesses ?? []), latenessOf(late, healedAt + recoveryMs)],
  });
  let work: Work | null = null;
  let nemesis: Nemesis | null = null;
  let violation: Error | null = null;
  try {
    startWorld(world);
    work = beginWork(world);
    nemesis = unleashWorld(world, healedAt);
    runUntil(world.timetable, healedAt + recoveryMs + 2000);
    conclude(world, work, late);
  } catch (error) {
    violation = error as Error;
    if (!(error instanceof Violation)) throw error;
  }
  const clusters = [...world.regions.values()];
  return {
    seed,
    violation,
    trace: world.trace.lines(),
    virtualMs: world.timetable.now,
    events: world.timetable.happened,
    kind: plan.kind,
    ...(nemesis === null ? { struck: new Map(), coverage: new Map() } : countsOf(nemesis)),
    answers: work?.answers ?? new Map(),
    leaders: clusters.reduce((sum, { ledger }) => sum + ledger.leaders.size, 0),
    committed: clusters.reduce((sum, { ledger }) => sum + ledger.committed.length, 0),
  };
}

/** Collects what is asked after everything must work again and is never answered. */
const latenessOf = (late: Request[], from: number) => ({
  asked: () => undefined,
  attempted: () => undefined,
  settled: (request: Request, answer: Answer | null) => {
    if (answer === null && request.askedAt >= from) late.push(request);
  },
});

/** The clients fall silent: what is asked ends, and what they held becomes free. */
function conclude(world: World, work: Work, late: readonly Request[]): void {
  const { timetable, crowd, plan } = world;
  work.isOver = true;
  crowd.isSilent = true;
  const { manners, cluster, workload, node } = plan.each;
  const isQuiet = runUntil(timetable, timetable.now + manners.patience + 5000, () => crowd.open === 0);
  check(isQuiet, "everything that is asked ends", () => `${crowd.open} requests are still open`);
  check(late.length === 0, "after healing everything is answered", () => describe(late[0]));
  const span = workload.ttlMax * (1 + cluster.clockRateErrorMax) + cluster.clockAllowanceMs;
  runUntil(timetable, timetable.now + span + 2 * node.electionMsMax + 1000);
  const inspector: Client = { name: "inspector", clockRate: 1 };
  for (let at = 0; at < workload.locks; at += 1) {
    const lock = lockName(at);
    for (const region of world.ids) {
      const [node] = clusterOf(world, region).ids as readonly [NodeId];
      const own = { lock, owner: "inspector" } as const;
      expect(world, inspector, { operation: { type: "check", lock }, at: node }, "free");
      const acquire = { type: "acquire", ...own, under: { ttl: millis(60_000) }, askedAt: wallTime(0) } as const;
      const granted = expect(world, inspector, { operation: acquire, at: node }, "granted");
      const { token } = granted as Extract<Answer, { type: "granted" }>;
      const release = { type: "release", lock, grant: { token } } as const;
      expect(world, inspector, { operation: release, at: node }, "released");
    }
  }
  runUntil(timetable, timetable.now + 12_000);
  for (const id of world.ids) requireCalm(world, id);
}

/** What a region actor keeps of work under way. */
const works = [
  "early",
  "requests",
  "locks",
  "openings",
  "readings",
  "repairs",
  "gathered",
  "rounds",
  "trailing",
  "awaited",
  "backoff",
  "served",
  "servedRenewals",
  "renewalsOpen",
] as const;

/** Every node has caught up, and no actor remembers what is over. */
function requireCalm(world: World, region: World["ids"][number]): void {
  const { ledger, ids } = clusterOf(world, region);
  for (const id of ids) {
    const index = ledger.handed.get(id) ?? 0;
    check(index === ledger.committed.length, "every node catches up", () => `${id}: ${index}`);
    const inspected = world.inspectors.get(`${id} region`)?.() ?? {};
    for (const work of works) {
      check(inspected[`size of ${work}`] === 0, "nothing stays under way", () => `${id}: ${JSON.stringify(inspected)}`);
    }
    const { locks, leases } = world.inspectors.get(`${id} lock`)?.() ?? {};
    check(locks === 0 && leases === 0, "in the end nothing is held", () => `${id}: ${locks} locks, ${leases} leases`);
  }
}

function expect(world: World, client: Client, wish: Parameters<typeof ask>[2], expected: Answer["type"]): Answer {
  const answers: (Answer | null)[] = [];
  const asked = ask(world.crowd, client, wish, (answer) => answers.push(answer));
  runUntil(world.timetable, world.timetable.now + answerMs, () => answers.length > 0);
  const [answer] = answers;
  check(
    answer?.type === expected,
    `in the end every lock can be ${expected}`,
    () => `${describe(asked)}: ${JSON.stringify(answers)}`,
  );
  return answer as Answer;
}

const describe = (request: Request | undefined): string =>
  JSON.stringify({ ...request, client: request?.client.name }, (key, value) =>
    key === "attempts" ? value.slice(-3) : value,
  );
