// What this process was told: read once from flags and environment, checked as a whole, frozen. Actors see only `config`;
// the rest is for those who open sockets and files.

import type { Config } from "../actors/config.ts";
import type { Millis, NodeId, RegionId } from "../actors/scalars.ts";

/** Where to listen, or whom to call. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Another node of this region. */
export interface Peer extends Address {
  readonly nodeId: NodeId;
}

/** Where a node of another region is called; its name it says itself. */
export interface RegionPeer extends Address {
  readonly regionId: RegionId;
}

export interface Settings {
  readonly config: Config;
  /** gRPC for clients. */
  readonly grpcAddress: Address;
  /** HTTP for clients, health and metrics. */
  readonly httpAddress: Address;
  /** gRPC between nodes and regions. */
  readonly regionAddress: Address;
  readonly peers: readonly Peer[];
  readonly regionPeers: readonly RegionPeer[];
  readonly dataDir: string;
  readonly logLevel: "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";
  /** The life of a lock of the stateless call, and of leases. A ttl outside is clamped or refused, as its interface says. */
  readonly lockMsDefault: Millis;
  readonly lockMsMin: Millis;
  readonly lockMsMax: Millis;
  readonly leaseMsMax: Millis;
  /** The longest a request is tried; a client's own deadline may be shorter. */
  readonly requestMsMax: Millis;
  /** The size of the LMDB map, and so the most that storage can take. */
  readonly mapBytes: number;
  /** The largest request message or HTTP body that is read. */
  readonly requestBytesMax: number;
  readonly connectionsMax: number;
  readonly streamsPerConnectionMax: number;
  /** Whether every actor has the thread that the placement table names, or all share one. */
  readonly threads: "separate" | "shared";
  readonly version: string;
}
