// The table of `top`: which locks are hot, kept up to date by events alone. Pure: moments are given.

import type { LockEvent, LockInfo } from "../../client/index.ts";
import { cut, shown, tableLines } from "../output.ts";
import { shownSpan } from "../spans.ts";

/** What counts as lately. */
export const latelyMs = 10_000;

/** What the table holds at most; the quietest go first. */
const hotMax = 10_000;

export interface Hot {
  readonly name: string;
  /** By token: who, and since when. */
  readonly holders: Map<number, { readonly owner: string; readonly sinceMs: number }>;
  queueLength: number;
  isDelayed: boolean;
  /** When it was granted lately. */
  grants: number[];
}

export type HotTable = Map<string, Hot>;

/** The table as it is when one begins to look. */
export function tableOf(locks: readonly LockInfo[]): HotTable {
  const table: HotTable = new Map();
  for (const { name, holders, delays, queueLength } of locks) {
    const hot = hotOf(table, name);
    for (const { token, owner, grantedAt } of holders) hot.holders.set(token, { owner, sinceMs: grantedAt.getTime() });
    hot.queueLength = queueLength;
    hot.isDelayed = delays.length > 0;
  }
  return table;
}

function hotOf(table: HotTable, name: string): Hot {
  const known = table.get(name);
  if (known !== undefined) return known;
  const hot: Hot = { name, holders: new Map(), queueLength: 0, isDelayed: false, grants: [] };
  table.set(name, hot);
  return hot;
}

export function takeEvent(table: HotTable, event: LockEvent, nowMs: number): void {
  const hot = hotOf(table, event.lock);
  hot.queueLength = event.queueLength;
  switch (event.kind) {
    case "granted":
      hot.grants.push(nowMs);
      hot.holders.set(event.token, { owner: event.owner, sinceMs: nowMs });
      return;
    case "present":
      if (!hot.holders.has(event.token)) hot.holders.set(event.token, { owner: event.owner, sinceMs: nowMs });
      return;
    case "released":
    case "expired":
    case "revoked":
    case "forced":
      hot.holders.delete(event.token);
      return;
    case "delayed":
      hot.isDelayed = true;
      return;
    case "available":
      hot.isDelayed = false;
      return;
    default:
      return;
  }
}

/** Lets go of what is past; the hottest first. */
export function hottest(table: HotTable, nowMs: number): Hot[] {
  for (const hot of table.values()) {
    hot.grants = hot.grants.filter((moment) => moment > nowMs - latelyMs);
    const isQuiet = hot.holders.size === 0 && hot.queueLength === 0 && !hot.isDelayed && hot.grants.length === 0;
    if (isQuiet) table.delete(hot.name);
  }
  const sorted = [...table.values()].sort(
    (one, other) =>
      other.queueLength - one.queueLength ||
      other.grants.length - one.grants.length ||
      (one.name < other.name ? -1 : 1),
  );
  for (const { name } of sorted.splice(hotMax)) table.delete(name);
  return sorted;
}

export interface Screen {
  readonly rows: number;
  readonly columns: number;
}

/** The table as it is shown. */
export function topLines(table: HotTable, nowMs: number, screen: Screen): string[] {
  const hot = hottest(table, nowMs);
  const held = hot.reduce((sum, { holders }) => sum + holders.size, 0);
  const waiting = hot.reduce((sum, { queueLength }) => sum + queueLength, 0);
  const rows = hot.slice(0, Math.max(0, screen.rows - 3)).map((one) => rowOf(one, nowMs));
  return [
    `${hot.length} ${hot.length === 1 ? "lock" : "locks"}, ${held} held, ${waiting} waiting`,
    "",
    ...tableLines(["WAITING", "GRANTS/S", "SINCE", "NAME", "HOLDER"], rows),
  ].map((line) => cut(line, screen.columns));
}

function rowOf({ name, holders, queueLength, isDelayed, grants }: Hot, nowMs: number): string[] {
  const [first, ...others] = holders.values();
  const holder = first === undefined ? (isDelayed ? "(delayed)" : "") : shown(first.owner);
  return [
    String(queueLength),
    (grants.length / (latelyMs / 1_000)).toFixed(1),
    first === undefined ? "" : shownSpan(nowMs - first.sinceMs),
    cut(shown(name), 60),
    others.length === 0 ? holder : `${holder} +${others.length}`,
  ];
}

/** The same for programs. */
export const topDocument = (table: HotTable, nowMs: number): unknown =>
  hottest(table, nowMs).map(({ name, holders, queueLength, isDelayed }) => ({
    name,
    queueLength,
    isDelayed,
    holders: [...holders].map(([token, { owner, sinceMs }]) => ({
      token,
      owner,
      sinceMs: Math.max(0, nowMs - sinceMs),
    })),
  }));
