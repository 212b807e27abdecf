// A desk whose letters go nowhere but into a list, and the requests and views that tests of the native interface are made of.

import type { ClientsToGateway } from "../../../src/actors/messages.ts";
import type { GrantView, LockEvent, LockView, Obstacle, WaitEdge } from "../../../src/actors/operations.ts";
import { fencingToken, instant, leaseId, logIndex, millis, regionId, wallTime } from "../../../src/actors/scalars.ts";
import { newCalls } from "../../../src/transport/clients/calls.ts";
import type { Desk } from "../../../src/transport/clients/procedure.ts";
import type { AcquireRequest } from "../../../src/transport/generated/lockmgr/v1/lock.ts";
import { type Demand, Mode } from "../../../src/transport/generated/lockmgr/v1/types.ts";
import type { Settings } from "../../../src/transport/settings.ts";
import { holder, settings } from "./scripted-gateway.ts";

export const arrivedAt = wallTime(1_700_000_000_000);

export function openDesk(changes: Partial<Settings> = {}) {
  const letters: ClientsToGateway[] = [];
  const post = (letter: ClientsToGateway): void => void letters.push(letter);
  const desk: Desk = {
    settings: settings(changes),
    post,
    now: () => instant(0),
    wallNow: () => arrivedAt,
    calls: newCalls(post),
    standing: () => null,
    regions: () => [],
  };
  return { desk, letters };
}

/** Settings of a cluster of three regions. */
export function withRegions(): Partial<Settings> {
  const { config } = settings();
  const regions = ["default", "other", "third"].map(regionId);
  return { config: { ...config, cluster: { ...config.cluster, regions } } };
}

export const exclusive = (lock: string): Demand => ({ lock, mode: Mode.MODE_EXCLUSIVE, permits: 0, limit: 0 });

export const acquireRequest = (changes: Partial<AcquireRequest> = {}): AcquireRequest => ({
  demands: [exclusive("a lock")],
  owner: "me",
  under: { $case: "leaseId", value: 7n },
  waitMs: 0n,
  priority: 0,
  lockDelayMs: 0n,
  metadata: "",
  context: "",
  requestId: "",
  ...changes,
});

export const grantView: GrantView = {
  ...holder,
  mode: "semaphore",
  permits: 2,
  limit: 3,
  context: "task",
  delay: millis(50),
  metadata: "about it",
  yielding: { reason: "please", grace: millis(10), force: true },
};

export const lockView: LockView = {
  lock: "a lock",
  grants: [grantView],
  delays: [{ token: fencingToken(41), owner: "before", how: "expired", delay: millis(100), remaining: millis(12.3) }],
  queue: 4,
};

export const obstacle: Obstacle = {
  lock: "a lock",
  holder,
  metadata: "about it",
  delayed: null,
  delayedBy: null,
  queue: 2,
};

export const edge: WaitEdge = {
  waiter: { lease: leaseId(7), context: "task", owner: "me" },
  lock: "a lock",
  blocker: { lease: leaseId(8), context: "", owner: "you" },
  isHolder: true,
};

export const event = (revision: number, changes: Partial<LockEvent> = {}): LockEvent => ({
  revision: logIndex(revision),
  kind: "granted",
  lock: "a lock",
  owner: "me",
  lease: leaseId(7),
  token: fencingToken(revision),
  text: "",
  span: millis(0),
  queue: 0,
  ...changes,
});
