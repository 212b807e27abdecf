// What the lock actor keeps: the replicated table, and how far it has told others about it.

import type { Config } from "../config.ts";
import { type Instant, type LogIndex, logIndex, type Millis } from "../scalars.ts";
import { type AcceptorTable, emptyAcceptorTable } from "./acceptor-table.ts";
import type { Capture, Restoration } from "./snapshot.ts";
import { emptyTable, type Table } from "./table.ts";
import { noWatching, type Watching } from "./watching.ts";

export interface LockState {
  readonly requestsRemembered: number;
  readonly digestEntries: number;
  readonly sliceRecords: number;
  /** What an acceptor starts with; null where there is one region. */
  readonly freshAcceptor: () => AcceptorTable | null;
  table: Table;
  /** The snapshot that is being sent to storage. */
  capture: Capture | null;
  /** The snapshot that is being received from storage. */
  restoration: Restoration | null;
  /** What the last snapshot that was restored contains. Entries up to there may still arrive, and are in the table. */
  restoredIndex: LogIndex;
  /** How far the gateway knows that entries have been applied. */
  indexTold: LogIndex;
  readonly watching: Watching;
  /** Of locks for which somebody waits: when the last grant was, and how long it takes from one to the next. Not replicated. */
  readonly paces: Map<string, Pacing>;
}

export interface Pacing {
  grantedAt: Instant;
  mean: Millis | null;
}

export function startLock({ cluster, node }: Config): LockState {
  const { regionId, regions } = cluster;
  const freshAcceptor = (): AcceptorTable | null => (regions.length > 1 ? emptyAcceptorTable(regionId, regions) : null);
  return {
    requestsRemembered: cluster.requestsRemembered,
    digestEntries: cluster.digestEntries,
    sliceRecords: node.sliceRecords,
    freshAcceptor,
    table: emptyTable(freshAcceptor()),
    capture: null,
    restoration: null,
    restoredIndex: logIndex(0),
    indexTold: logIndex(0),
    watching: noWatching(),
    paces: new Map(),
  };
}
