// What must hold between settings that each by itself are what they may be.

import { type RegionId, regionId, regionsMax } from "../actors/scalars.ts";
import type { Address } from "./settings.ts";
import type { Values, Variable } from "./settings-table.ts";

/** The most voters of a region: more make every write slower and survive hardly more. */
const votersMax = 7;

/** What must hold between settings. A problem is reported under the first name, and only if all of them could be read. */
export const relations: readonly {
  readonly of: readonly Variable[];
  readonly holds: (values: Values) => boolean;
  readonly says: (values: Values) => string;
}[] = [
  {
    of: ["RAFT_ELECTION_TIMEOUT_MS", "RAFT_HEARTBEAT_INTERVAL_MS"],
    holds: (v) => v.RAFT_ELECTION_TIMEOUT_MS >= 5 * v.RAFT_HEARTBEAT_INTERVAL_MS,
    says: (v) =>
      `${v.RAFT_ELECTION_TIMEOUT_MS} is too short; it must be at least 5 × RAFT_HEARTBEAT_INTERVAL_MS = ${5 * v.RAFT_HEARTBEAT_INTERVAL_MS}`,
  },
  {
    of: ["LOCK_MIN_TIMEOUT_MS", "LOCK_DEFAULT_TIMEOUT_MS"],
    holds: (v) => v.LOCK_MIN_TIMEOUT_MS <= v.LOCK_DEFAULT_TIMEOUT_MS,
    says: (v) => `${v.LOCK_MIN_TIMEOUT_MS} is above LOCK_DEFAULT_TIMEOUT_MS = ${v.LOCK_DEFAULT_TIMEOUT_MS}`,
  },
  {
    of: ["LOCK_DEFAULT_TIMEOUT_MS", "LOCK_MAX_TIMEOUT_MS"],
    holds: (v) => v.LOCK_DEFAULT_TIMEOUT_MS <= v.LOCK_MAX_TIMEOUT_MS,
    says: (v) => `${v.LOCK_DEFAULT_TIMEOUT_MS} is above LOCK_MAX_TIMEOUT_MS = ${v.LOCK_MAX_TIMEOUT_MS}`,
  },
  {
    of: ["LOCK_MIN_TIMEOUT_MS", "LEASE_MAX_TTL_MS"],
    holds: (v) => v.LOCK_MIN_TIMEOUT_MS <= v.LEASE_MAX_TTL_MS,
    says: (v) => `${v.LOCK_MIN_TIMEOUT_MS} is above LEASE_MAX_TTL_MS = ${v.LEASE_MAX_TTL_MS}`,
  },
  {
    // A client counts on ttl·(1−ρ) − ε: nothing would be left of a shorter life.
    of: ["LOCK_MIN_TIMEOUT_MS", "CLOCK_ALLOWANCE_MS", "CLOCK_RATE_ERROR_MAX"],
    holds: (v) => v.LOCK_MIN_TIMEOUT_MS * (1 - v.CLOCK_RATE_ERROR_MAX) > v.CLOCK_ALLOWANCE_MS,
    says: (v) =>
      `${v.LOCK_MIN_TIMEOUT_MS} leaves a client nothing; it must be above CLOCK_ALLOWANCE_MS / (1 − CLOCK_RATE_ERROR_MAX) = ${Math.ceil(v.CLOCK_ALLOWANCE_MS / (1 - v.CLOCK_RATE_ERROR_MAX))}`,
  },
  {
    of: ["INFLIGHT_BYTES_MAX", "REQUEST_BYTES_MAX"],
    holds: (v) => v.INFLIGHT_BYTES_MAX >= v.REQUEST_BYTES_MAX,
    says: (v) => `${v.INFLIGHT_BYTES_MAX} is below REQUEST_BYTES_MAX = ${v.REQUEST_BYTES_MAX}`,
  },
  {
    // A node that has restored its snapshot and no more believes itself that far behind; what enters there is not too old.
    of: ["REQUESTS_REMEMBERED", "SNAPSHOT_ENTRIES", "INFLIGHT_MAX"],
    holds: (v) => v.REQUESTS_REMEMBERED >= v.SNAPSHOT_ENTRIES + v.INFLIGHT_MAX,
    says: (v) =>
      `${v.REQUESTS_REMEMBERED} is too few; it must be at least SNAPSHOT_ENTRIES + INFLIGHT_MAX = ${v.SNAPSHOT_ENTRIES + v.INFLIGHT_MAX}`,
  },
  {
    of: ["RAFT_PEERS", "NODE_ID"],
    holds: (v) => v.RAFT_PEERS.every((peer) => peer.nodeId !== v.NODE_ID),
    says: (v) => `names this node itself, ${v.NODE_ID}; list only the other nodes`,
  },
  {
    of: ["RAFT_PEERS"],
    holds: (v) => repeated(v.RAFT_PEERS.map((peer) => peer.nodeId)) === null,
    says: (v) => `names ${repeated(v.RAFT_PEERS.map((peer) => peer.nodeId))} twice`,
  },
  {
    of: ["RAFT_PEERS"],
    holds: (v) => repeated(v.RAFT_PEERS.map(addressOf)) === null,
    says: (v) => `gives two nodes one address, ${repeated(v.RAFT_PEERS.map(addressOf))}`,
  },
  {
    of: ["RAFT_PEERS"],
    holds: (v) => v.RAFT_PEERS.length < votersMax,
    says: (v) =>
      `${v.RAFT_PEERS.length} peers and this node are more than ${votersMax} voters; name at most ${votersMax - 1}`,
  },
  {
    of: ["REGION_PEERS", "REGION_ID"],
    holds: (v) => v.REGION_PEERS.every((peer) => peer.regionId !== v.REGION_ID),
    says: (v) => `names this region itself, ${v.REGION_ID}; list only nodes of other regions`,
  },
  {
    of: ["REGION_PEERS"],
    holds: (v) => repeated(v.REGION_PEERS.map(addressOf)) === null,
    says: (v) => `gives one address twice, ${repeated(v.REGION_PEERS.map(addressOf))}`,
  },
  {
    of: ["REGION_PEERS", "RAFT_PEERS"],
    holds: (v) => sharedAddress(v) === null,
    says: (v) => `gives ${sharedAddress(v)}, which RAFT_PEERS gives to a node of this region`,
  },
  {
    of: ["REGION_PEERS", "REGION_ID"],
    holds: (v) => regionsOf(v).length <= regionsMax,
    says: (v) => `names ${regionsOf(v).length - 1} other regions; ${regionsMax - 1} are the most there can be`,
  },
];

/** All regions, this one included, sorted. */
export const regionsOf = ({ REGION_ID, REGION_PEERS }: Values): readonly RegionId[] =>
  [...new Set([regionId(REGION_ID), ...REGION_PEERS.map((peer) => peer.regionId)])].sort();

const addressOf = ({ host, port }: Address): string => (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`);

const sharedAddress = ({ RAFT_PEERS, REGION_PEERS }: Values): string | null => {
  const own = RAFT_PEERS.map(addressOf);
  return REGION_PEERS.map(addressOf).find((address) => own.includes(address)) ?? null;
};

const repeated = (words: readonly string[]): string | null =>
  words.find((word, place) => words.indexOf(word) < place) ?? null;
