// What can be measured: a lock service that can be started and stopped here, and clients of it in the load workers. A peer
// of this service is added by one file in `systems/`, one in `drivers/`, and a line in the table of each.

/** Lives in the main thread. */
export interface System {
  readonly name: string;
  /** The largest group that it can form. */
  readonly nodesMax: number;
  /** Starts `nodes` nodes on this machine and resolves when they serve. */
  readonly start: (options: { readonly nodes: number; readonly profileDirectory: string | null }) => Promise<Running>;
}

export interface Running {
  /** What a load worker needs to reach it: plain data. */
  readonly target: Target;
  readonly stop: () => Promise<void>;
}

export interface Target {
  /** The key of the driver in `drivers/index.ts`. */
  readonly driver: DriverName;
  /** One per node, the leader's first. */
  readonly addresses: readonly string[];
}

export type DriverName = "lockmgr";

/** What a release needs to know of its grant. Each driver has its own. */
export type Grant = { readonly token: number };

/** Lives in a load worker. A client has one operation under way at a time. */
export interface Client {
  /** Resolves with null if somebody else holds the lock. */
  readonly acquire: (lock: string) => Promise<Grant | null>;
  readonly release: (lock: string, grant: Grant) => Promise<void>;
  /** Keeps a lease of this client alive; the first call opens it. */
  readonly renew: () => Promise<void>;
}

export interface Driver {
  readonly client: (number: number) => Client;
  readonly close: () => void;
}

export type OpenDriver = (target: Target) => Driver;
