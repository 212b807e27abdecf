// Every setting of a node, in one table: its variable, what it may be, what it is if nothing is said, and what it is for.
// Reading, `--help` and docs/CONFIGURATION.md all derive from it. The flag of a variable is its name in kebab case.

import type { Settings } from "./settings.ts";
import {
  bytes,
  fraction,
  gibi,
  host,
  id,
  type Kind,
  kibi,
  mebi,
  oneOf,
  path,
  peers,
  regionPeers,
  whole,
} from "./settings-kinds.ts";

export interface Row<Value> {
  readonly kind: Kind<Value>;
  /** As it would be written; "" for nothing. */
  readonly standard: string;
  /** One phrase. */
  readonly says: string;
}

const row = <Value>(kind: Kind<Value>, standard: string, says: string): Row<Value> => ({ kind, standard, says });

const logLevels = [
  "trace",
  "debug",
  "info",
  "warn",
  "error",
  "fatal",
  "silent",
] as const satisfies Settings["logLevel"][];

// A timer of the platform spans no more than 24 days.
const spanMax = 24 * 86_400_000;

export const table = {
  NODE_ID: row(id, "node-1", "the name of this node, unique in its region and the same for ever"),
  REGION_ID: row(id, "default", "the region of this node"),
  CLUSTER_ID: row(id, "lockmgr", "the cluster; nodes and data directories of another are refused"),
  GRPC_PORT: row(whole(0, 65_535), "9090", "gRPC for clients"),
  HTTP_PORT: row(whole(0, 65_535), "8080", "HTTP for clients, health and metrics"),
  REGION_PORT: row(whole(0, 65_535), "9091", "traffic between nodes and regions"),
  LISTEN_HOST: row(host, "0.0.0.0", "the interface that all three listen on; 0.0.0.0 is all of them"),
  RAFT_PEERS: row(peers, "", "the other nodes of this region; empty: this node is a cluster of its own"),
  REGION_PEERS: row(
    regionPeers,
    "",
    "the nodes of the other regions, several entries to a region; empty: this region is alone",
  ),
  RAFT_ELECTION_TIMEOUT_MS: row(
    whole(50, 60_000),
    "500",
    "a follower that hears of no leader for this long, to twice as long, campaigns",
  ),
  RAFT_HEARTBEAT_INTERVAL_MS: row(whole(1, 10_000), "50", "how often a leader says that it leads"),
  QUORUM_TIMEOUT_MS: row(whole(100, 300_000), "5000", "the longest a request is tried"),
  DATA_DIR: row(path, "./data", "where log, vote and snapshots are kept"),
  LOCK_DEFAULT_TIMEOUT_MS: row(whole(1, spanMax), "30000", "the life of a lock whose client names none"),
  LOCK_MIN_TIMEOUT_MS: row(whole(1, spanMax), "1000", "the shortest life of a lock"),
  LOCK_MAX_TIMEOUT_MS: row(whole(1, spanMax), "300000", "the longest life of a lock"),
  LEASE_MAX_TTL_MS: row(whole(1, spanMax), "86400000", "the longest ttl of a lease"),
  LOG_LEVEL: row(oneOf(...logLevels), "info", "what is logged"),
  CLOCK_RATE_ERROR_MAX: row(
    fraction(0, 0.2),
    "0.01",
    "by what fraction the rate of a clock may be wrong; equal on every node",
  ),
  CLOCK_ALLOWANCE_MS: row(whole(0, 10_000), "50", "what is added to every lease on top of that; equal on every node"),
  INFLIGHT_MAX: row(whole(1, 1_000_000), "10000", "the most requests under way; the next is refused"),
  INFLIGHT_BYTES_MAX: row(bytes(kibi, 16 * gibi), `${64 * mebi}`, "the most bytes of requests under way"),
  REQUEST_BYTES_MAX: row(bytes(kibi, 16 * mebi), `${64 * kibi}`, "the largest request that is read"),
  CONNECTIONS_MAX: row(whole(1, 1_000_000), "20000", "the most connections of clients"),
  STREAMS_PER_CONNECTION_MAX: row(whole(1, 1_000_000), "4096", "the most calls at once on one connection"),
  SNAPSHOT_ENTRIES: row(whole(16, 100_000_000), "65536", "a snapshot is taken after this many log entries"),
  TRAILING_ENTRIES: row(whole(0, 100_000_000), "8192", "log entries kept before a snapshot, for nodes a little behind"),
  REQUESTS_REMEMBERED: row(
    whole(1024, 100_000_000),
    "131072",
    "for how many log entries the outcome of a write is remembered; equal on every node",
  ),
  STORAGE_MAP_BYTES: row(
    bytes(16 * mebi, 16_384 * gibi),
    `${16 * gibi}`,
    "the most that DATA_DIR can hold; reserved as addresses, not on disk",
  ),
  THREADS: row(oneOf("separate", "shared"), "separate", "a thread for each group of actors, or one for all"),
} as const;

export type Variable = keyof typeof table;
export const variables = Object.keys(table) as Variable[];

/** What each variable is once it is read. */
export type Values = { readonly [Name in Variable]: (typeof table)[Name] extends Row<infer Value> ? Value : never };

export const flagOf = (variable: Variable): string => variable.toLowerCase().replaceAll("_", "-");

/** The flags of the earlier system that give a whole address where a variable gives the port. */
export const addressFlags = {
  "grpc-addr": { port: "GRPC_PORT", says: "host:port for GRPC_PORT; :9000 is all interfaces" },
  "http-addr": { port: "HTTP_PORT", says: "host:port for HTTP_PORT" },
  "raft-addr": { port: "REGION_PORT", says: "host:port for REGION_PORT" },
} as const satisfies Record<string, { port: Variable; says: string }>;

export type AddressFlag = keyof typeof addressFlags;

/** Flags that are no variables. */
export const otherFlags = {
  bootstrap: { takes: null, says: "accepted: a node without RAFT_PEERS is a cluster of its own" },
  join: { takes: "value", says: "not served yet: name the members in RAFT_PEERS" },
  help: { takes: null, says: "print this and exit" },
  version: { takes: null, says: "print the version and exit" },
} as const;

/** What `--help` prints. */
export function helpText(): string {
  const lines = variables.map((variable) => {
    const { standard, says } = table[variable];
    return `  ${`--${flagOf(variable)}`.padEnd(31)}${variable.padEnd(29)}${says}${standard === "" ? "" : ` (${standard})`}`;
  });
  const others = [...Object.entries(addressFlags), ...Object.entries(otherFlags)].map(
    ([flag, { says }]) => `  ${`--${flag}`.padEnd(60)}${says}`,
  );
  return [
    "lockmgr: a distributed lock service. Runs one node until it is told to stop (SIGTERM, SIGINT).",
    "",
    "Usage: lockmgr [--flag value]…",
    "",
    "Every setting is a flag or an environment variable; the flag wins. Defaults stand in brackets.",
    "",
    ...lines,
    "",
    ...others,
  ].join("\n");
}

/** The rows of docs/CONFIGURATION.md. */
export const documentedRows = (): readonly string[] =>
  variables.map((variable) => {
    const { standard, says, kind } = table[variable];
    const shown = standard === "" ? "–" : `\`${standard}\``;
    return `| \`${variable}\` | \`--${flagOf(variable)}\` | ${shown} | ${says} | ${kind.accepts} |`;
  });
