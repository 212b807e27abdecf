// Records what simulated clients did and saw in the words of the recorded runs of real processes, so that the same rules, and
// the same search for a sequential order, judge both. Only locks under leases of their own: who renews, moves deadlines.

import type { Answer } from "../../src/actors/operations.ts";
import { type Completion, type History, type Invocation, newHistory } from "../cluster/history.ts";
import type { Attempt, ClientWitness, Request } from "./clients.ts";
import type { Plan } from "./plan.ts";
import type { Schedule } from "./schedule.ts";

export interface Recorder extends ClientWitness {
  readonly history: History;
}

type Told = Pick<Completion, "kind" | "out"> & { readonly token?: number; readonly ttlMs?: number };

const unknown: Told = { kind: "info", out: "unknown" };

function resultOf(answer: Answer | null): Told {
  switch (answer?.type) {
    case "granted":
      return { kind: "ok", out: "granted", token: answer.token, ttlMs: answer.ttl };
    case "held":
      return { kind: "fail", out: "held" };
    case "released":
      return { kind: "ok", out: "released" };
    case "notHeld":
      return { kind: "fail", out: "notHeld" };
    case "grantExpired":
      return { kind: "fail", out: "expired" };
    case "staleToken":
      return { kind: "fail", out: "stale" };
    case "locked":
      return { kind: "ok", out: "locked", token: answer.holder.token };
    case "free":
      return { kind: "ok", out: "free" };
    default:
      return unknown;
  }
}

const nanoseconds = (ms: number): string => BigInt(Math.round(ms * 1e6)).toString();

/** What an operation is in a history; null for one that has no place there. */
function invocationOf(request: Request): Pick<Invocation, "f" | "lock" | "token" | "ttlMs"> | null {
  const { operation } = request;
  switch (operation.type) {
    case "acquire":
      return "ttl" in operation.under ? { f: "acquire", lock: operation.lock, ttlMs: operation.under.ttl } : null;
    case "release": {
      const { token } = operation.grant;
      return token === undefined ? null : { f: "release", lock: operation.lock, token };
    }
    case "check":
      return { f: "check", lock: operation.lock };
    default:
      return null;
  }
}

/** Watches the clients of a run whose plan has none that hold leases. `close` before judging. */
export function recordHistory(timetable: Schedule, { seed, nodes, node, cluster, workload }: Plan): Recorder {
  const history = newHistory({
    seed,
    git: "",
    locks: workload.locks,
    ttlMs: workload.ttlMax,
    rho: cluster.clockRateErrorMax,
    epsMs: cluster.clockAllowanceMs,
    electionMs: node.electionMsMax,
    regions: 1,
    nodes,
  });
  const line = (request: Request) => ({
    id: request.id,
    // Who is left without an answer does nothing more under that name, so every operation may count as somebody's only one.
    proc: request.id,
    t: nanoseconds(timetable.now),
    req: request.requestId ?? `nameless ${request.id}`,
  });
  const asked = (request: Request): void => {
    const invocation = invocationOf(request);
    if (invocation !== null) history.lines.push({ kind: "inv", ...line(request), ...invocation });
  };
  const settled = (request: Request, answer: Answer | null, attempt: Attempt | null): void => {
    const invocation = invocationOf(request);
    if (invocation === null) return;
    if (attempt !== null) {
      const { sentAt, node: at } = attempt;
      const t1 = nanoseconds(timetable.now);
      history.lines.push({ kind: "att", id: request.id, t0: nanoseconds(sentAt), t1, node: at });
    }
    history.lines.push({ ...line(request), ...invocation, ...resultOf(answer) });
  };
  return { history, asked, attempted: () => undefined, settled };
}
