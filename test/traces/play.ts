// Plays the script of a trace and writes down what happens. A script is text: a paragraph of comments that says what to look
// at, then commands, each followed by `----` and by everything that came of it. The output of the file is the expectation.

import type { NodeConfig } from "../../src/actors/config.ts";
import type { Operation } from "../../src/actors/operations.ts";
import { fencingToken, leaseId, type Millis, millis, requestId, wallTime } from "../../src/actors/scalars.ts";
import {
  type Cluster,
  crashNode,
  createCluster,
  deliverNext,
  drop,
  fire,
  flushNode,
  hand,
  type Line,
  nodeOf,
  settle,
  startNode,
  tellLinks,
} from "./cluster.ts";

interface Player {
  cluster: Cluster;
  calls: number;
}

/** The script with the output of every command as it is now. */
export function play(script: string): string {
  const player: Player = { cluster: createCluster([], {}), calls: 0 };
  const played: string[] = [];
  const lines = script.trimEnd().split("\n");
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] as string;
    played.push(line);
    if (line === "" || line.startsWith("#")) continue;
    // What stands there as output, up to the next empty line, is written anew.
    if (lines[at + 1] === "----") {
      while (at + 1 < lines.length && lines[at + 1] !== "") at += 1;
    }
    played.push("----", ...outputOf(player, line));
  }
  return `${played.join("\n")}\n`;
}

function outputOf(player: Player, line: string): string[] {
  player.cluster.lines = [];
  const hidden = carryOut(player, line);
  const output = player.cluster.lines.map(({ text }) => text);
  if (hidden > 0) output.push(`(not shown: ${hidden} times a heartbeat or a tick without news)`);
  return output.length === 0 ? ["nothing"] : output;
}

type Action = (player: Player, ...words: string[]) => number | undefined;

/** Each command, by what it looks like. An action returns how many happenings it does not show. */
const commands: readonly (readonly [pattern: RegExp, action: Action])[] = [
  [/^start ([\w ]+?)(?: with (.+))?$/, start],
  [/^lead (\w+)$/, lead],
  [/^timeout (\w+) (\w+) (\w+)$/, timeOut],
  [/^deliver (\w+→\w+)(?: (\d+))?$/, deliver],
  [/^drop (\w+→\w+)$/, ({ cluster }, way) => void drop(cluster, way as string)],
  [/^flush (\w+)$/, ({ cluster }, id) => void flushNode(cluster, id as string)],
  [/^settle$/, ({ cluster }) => settle(cluster) as undefined],
  [/^advance (\d+)(ms|s)$/, advance],
  [/^cut (\w+) from ([\w ]+)$/, (player, one, others) => setCut(player, { one, others, isCut: true })],
  [/^heal (\w+) with ([\w ]+)$/, (player, one, others) => setCut(player, { one, others, isCut: false })],
  [/^crash (\w+)$/, ({ cluster }, id) => void crashNode(cluster, id as string)],
  [/^restart (\w+)$/, ({ cluster }, id) => void startNode(cluster, id as string)],
  [/^client (\w+): (.+?) at (\w+)(?: as (\S+))?$/, ask],
  [/^hand over (\w+)$/, handOver],
  [/^show$/, show],
];

function carryOut(player: Player, line: string): number {
  for (const [pattern, action] of commands) {
    const found = pattern.exec(line);
    if (found !== null) return action(player, ...(found.slice(1) as string[])) ?? 0;
  }
  throw new Error(`no such command: ${line}`);
}

function start(player: Player, names = "", settings = ""): undefined {
  const pairs = settings.split(", ").filter((pair) => pair !== "");
  const chosen = Object.fromEntries(pairs.map((pair) => pair.split(" ")).map(([name, value]) => [name, Number(value)]));
  const ids = names.split(" ");
  player.cluster = createCluster(ids, chosen as Partial<NodeConfig>);
  for (const id of ids) startNode(player.cluster, id);
}

/** Has a node elected that needs no story of its own. */
function lead(player: Player, id = ""): undefined {
  timeOut(player, id, "raft", "election");
  advance(player, "200", "ms");
  player.cluster.lines = [
    { text: `${id} leads, and everybody has heard of it (election.txt tells how)`, isRoutine: false },
  ];
}

function timeOut({ cluster }: Player, id = "", actor = "", timer = ""): undefined {
  const node = nodeOf(cluster, id);
  const set = node.timers.get(`${actor} ${timer}`);
  if (set === undefined) throw new Error(`${id} ${actor} has not set ${timer}`);
  fire(cluster, node, set);
}

function deliver({ cluster }: Player, way = "", count?: string): undefined {
  const all = cluster.wires.get(way)?.length ?? 0;
  for (let at = 0; at < (count === undefined ? all : Number(count)); at += 1) deliverNext(cluster, way);
}

function setCut(
  { cluster }: Player,
  { one = "", others = "", isCut }: { one: string | undefined; others: string | undefined; isCut: boolean },
): undefined {
  for (const other of others.split(" ")) {
    for (const way of [`${one}→${other}`, `${other}→${one}`]) {
      if (isCut) {
        drop(cluster, way);
        cluster.cut.add(way);
      } else {
        cluster.cut.delete(way);
      }
    }
    tellLinks(cluster, one, other);
  }
}

/** Lets time pass: timers run out in their order, and in between everything is flushed and delivered at once. */
function advance({ cluster }: Player, amount = "", unit = ""): number {
  const until = cluster.now + Number(amount) * (unit === "s" ? 1000 : 1);
  const shown: Line[] = [];
  let hidden = 0;
  const keepNews = (): void => {
    const lines = cluster.lines;
    cluster.lines = [];
    if (lines.every(({ isRoutine }) => isRoutine)) hidden += lines.length > 0 ? 1 : 0;
    else shown.push(...lines);
  };
  settle(cluster);
  keepNews();
  for (;;) {
    const due = [...cluster.nodes.values()]
      .flatMap((node) => [...node.timers.values()].map((timer) => ({ node, timer })))
      .filter(({ timer }) => timer.due <= until)
      .sort((one, other) => one.timer.due - other.timer.due)[0];
    if (due === undefined) break;
    const { node, timer } = due;
    cluster.now = Math.max(cluster.now, timer.due);
    cluster.lines = [];
    fire(cluster, node, timer);
    settle(cluster);
    const first = cluster.lines[0];
    if (first !== undefined) cluster.lines[0] = { ...first, text: `${Math.round(cluster.now)} ms: ${first.text}` };
    keepNews();
  }
  cluster.now = until;
  cluster.lines = shown;
  return hidden;
}

function ask(player: Player, client = "", wish = "", id = "", name?: string): undefined {
  const { cluster } = player;
  const node = nodeOf(cluster, id);
  player.calls += 1;
  node.calls.set(player.calls, client);
  const request = {
    type: "request",
    call: player.calls,
    requestId: name === undefined ? null : requestId(name),
    operation: operationOf(wish, `client-${client}`),
    bytes: 100,
    budget: millis(5000),
  };
  hand(cluster, id, { from: "clients", to: "gateway", letter: request });
}

const span = (amount: string | undefined, unit: string | undefined): Millis =>
  millis(Number(amount) * (unit === "s" ? 1000 : 1));

/** What a client may wish, in words. */
function operationOf(wish: string, owner: string): Operation {
  const [verb, what = "", how] = wish.split(" ");
  const number = Number(wish.split(" ").at(-1));
  const [, amount, unit] = /(\d+)(ms|s)$/.exec(wish) ?? [];
  const ttl = span(amount, unit);
  switch (verb === "renew" || verb === "check" ? verb : `${verb} ${how}`) {
    case "open ttl":
      return { type: "openLease", owner, ttl };
    case "acquire ttl":
      return {
        type: "acquire",
        lock: what,
        owner,
        under: { ttl },
        askedAt: wallTime(0),
      };
    case "acquire under":
      return {
        type: "acquire",
        lock: what,
        owner,
        under: { lease: leaseId(number) },
        askedAt: wallTime(0),
      };
    case "release token":
      return { type: "release", lock: what, grant: { token: fencingToken(number), owner } };
    case "renew":
      return { type: "renewLease", lease: leaseId(number) };
    case "check":
      return { type: "check", lock: what };
    default:
      throw new Error(`a client cannot wish: ${wish}`);
  }
}

function handOver({ cluster }: Player, id = ""): undefined {
  hand(cluster, id, { from: "supervisor", to: "raft", letter: { type: "handOver" } });
}

/** What every node is now. */
function show({ cluster }: Player): undefined {
  cluster.lines = [...cluster.nodes.values()].map((node) => {
    const see = (actor: "raft" | "lock" | "lease") => node.actors.get(actor)?.inspect() ?? {};
    if (!node.isUp) return { text: `${node.id} is down`, isRoutine: false };
    const { role, term, lastIndex, commitIndex } = see("raft");
    const { locks, leases, fencingToken: token, appliedIndex } = see("lock");
    const entries = node.disk.entries.map((entry) => `${entry.index}/${entry.term}`).join(" ");
    const kept = node.disk.snapshot === null ? "" : `snapshot ${node.disk.snapshot.position.index}, then `;
    const log = `log to ${lastIndex}, committed ${commitIndex}, applied ${appliedIndex}`;
    const table = `${leases} leases, ${locks} locks, last token ${token}, lease timers ${see("lease").timers}`;
    const text = `${node.id} ${role} of term ${term}: ${log}; on disk ${kept}${entries || "no entries"}; ${table}`;
    return { text, isRoutine: false };
  });
}
