// What a process makes of its flags and its environment.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Settings } from "../../src/transport/settings.ts";
import { flagOf, type Variable, variables } from "../../src/transport/settings-table.ts";
import { type Environment, settingsOf } from "./settings-reading.ts";

const test = suite("transport/settings");

const defaults = {
  config: {
    cluster: {
      clusterId: "lockmgr",
      regionId: "default",
      regions: ["default"],
      voters: ["node-1"],
      clockRateErrorMax: 0.01,
      clockAllowanceMs: 50,
      requestsRemembered: 131072,
      digestEntries: 4096,
    },
    node: {
      nodeId: "node-1",
      incarnation: "i",
      electionMsMin: 500,
      electionMsMax: 1000,
      heartbeatMs: 50,
      confirmMs: 5,
      appendEntriesMax: 1024,
      appendsInflightMax: 16,
      snapshotEntries: 65536,
      trailingEntries: 8192,
      sliceRecords: 2000,
      inflightMax: 10000,
      inflightBytesMax: 67108864,
      retryMs: 500,
    },
  },
  grpcAddress: { host: "0.0.0.0", port: 9090 },
  httpAddress: { host: "0.0.0.0", port: 8080 },
  regionAddress: { host: "0.0.0.0", port: 9091 },
  peers: [],
  regionPeers: [],
  dataDir: "./data",
  logLevel: "info",
  lockMsDefault: 30000,
  lockMsMin: 1000,
  lockMsMax: 300000,
  leaseMsMax: 86400000,
  requestMsMax: 5000,
  mapBytes: 17179869184,
  requestBytesMax: 65536,
  connectionsMax: 20000,
  streamsPerConnectionMax: 4096,
  threads: "separate",
  version: "1.2.3",
};

test("without flags and variables every setting has its default", () => {
  assert.equal(settingsOf([]), defaults as unknown as Settings);
});

test("an empty variable or flag is as good as none", () => {
  const env = Object.fromEntries(variables.map((variable) => [variable, " "]));
  const argv = variables.map((variable) => `--${flagOf(variable)}=`);
  assert.equal(settingsOf([], env), defaults as unknown as Settings);
  assert.equal(settingsOf(argv), defaults as unknown as Settings);
});

test("the settings are frozen through and through", () => {
  const settings = settingsOf([], { RAFT_PEERS: "b:h:1", REGION_PEERS: "eu:h:2" });
  for (const part of [
    settings,
    settings.config,
    settings.config.node,
    settings.config.cluster.voters,
    settings.config.cluster.regions,
    settings.peers,
    settings.regionPeers,
  ]) {
    assert.ok(Object.isFrozen(part));
  }
  assert.ok(Object.isFrozen(settings.peers[0]));
});

test("a flag is its variable in kebab case, takes its value either way, and wins", () => {
  const env = { GRPC_PORT: "1000", HTTP_PORT: "1001", NODE_ID: "env" };
  const settings = settingsOf(["--grpc-port", "2000", "--node-id=flag"], env);
  assert.is(settings.grpcAddress.port, 2000);
  assert.is(settings.httpAddress.port, 1001);
  assert.is(settings.config.node.nodeId, "flag");
  assert.is(settingsOf(["-node-id", "one-dash"]).config.node.nodeId, "one-dash");
});

test("every variable has a flag that reaches the same setting", () => {
  const written: Environment = {
    NODE_ID: "n",
    REGION_ID: "r",
    CLUSTER_ID: "c",
    GRPC_PORT: "1",
    HTTP_PORT: "2",
    REGION_PORT: "3",
    LISTEN_HOST: "127.0.0.1",
    RAFT_PEERS: "b:host-b:4,c:[::1]:5",
    REGION_PEERS: "s:host-s:6,q:[::1]:7,s:host-t:6",
    RAFT_ELECTION_TIMEOUT_MS: "600",
    RAFT_HEARTBEAT_INTERVAL_MS: "60",
    QUORUM_TIMEOUT_MS: "700",
    DATA_DIR: "/d",
    LOCK_DEFAULT_TIMEOUT_MS: "800",
    LOCK_MIN_TIMEOUT_MS: "400",
    LOCK_MAX_TIMEOUT_MS: "900",
    LEASE_MAX_TTL_MS: "1000",
    LOG_LEVEL: "warn",
    CLOCK_RATE_ERROR_MAX: "0.02",
    CLOCK_ALLOWANCE_MS: "7",
    INFLIGHT_MAX: "8",
    INFLIGHT_BYTES_MAX: "2Mi",
    REQUEST_BYTES_MAX: "2048",
    CONNECTIONS_MAX: "9",
    STREAMS_PER_CONNECTION_MAX: "10",
    SNAPSHOT_ENTRIES: "110",
    TRAILING_ENTRIES: "12",
    REQUESTS_REMEMBERED: "1300",
    STORAGE_MAP_BYTES: "1GiB",
    THREADS: "shared",
  };
  assert.equal(Object.keys(written).sort(), [...variables].sort());
  const argv = Object.entries(written).flatMap(([variable, text]) => [`--${flagOf(variable as Variable)}`, text]);
  assert.equal(settingsOf(argv), settingsOf([], written));
  assert.equal(settingsOf(argv), {
    config: {
      cluster: {
        clusterId: "c",
        regionId: "r",
        regions: ["q", "r", "s"],
        voters: ["b", "c", "n"],
        clockRateErrorMax: 0.02,
        clockAllowanceMs: 7,
        requestsRemembered: 1300,
        digestEntries: 4096,
      },
      node: {
        ...defaults.config.node,
        nodeId: "n",
        electionMsMin: 600,
        electionMsMax: 1200,
        heartbeatMs: 60,
        snapshotEntries: 110,
        trailingEntries: 12,
        inflightMax: 8,
        inflightBytesMax: 2 * 1024 * 1024,
      },
    },
    grpcAddress: { host: "127.0.0.1", port: 1 },
    httpAddress: { host: "127.0.0.1", port: 2 },
    regionAddress: { host: "127.0.0.1", port: 3 },
    peers: [
      { nodeId: "b", host: "host-b", port: 4 },
      { nodeId: "c", host: "::1", port: 5 },
    ],
    regionPeers: [
      { regionId: "s", host: "host-s", port: 6 },
      { regionId: "q", host: "::1", port: 7 },
      { regionId: "s", host: "host-t", port: 6 },
    ],
    dataDir: "/d",
    logLevel: "warn",
    lockMsDefault: 800,
    lockMsMin: 400,
    lockMsMax: 900,
    leaseMsMax: 1000,
    requestMsMax: 700,
    mapBytes: 1024 ** 3,
    requestBytesMax: 2048,
    connectionsMax: 9,
    streamsPerConnectionMax: 10,
    threads: "shared",
    version: "1.2.3",
  } as unknown as Settings);
});

test("the address flags give host and port; without a host they mean all interfaces", () => {
  const argv = ["--raft-addr", "127.0.0.1:7000", "--grpc-addr", ":9000", "--http-addr=[::1]:8081", "--bootstrap"];
  const settings = settingsOf(argv, { GRPC_PORT: "1" });
  assert.equal(settings.regionAddress, { host: "127.0.0.1", port: 7000 });
  assert.equal(settings.grpcAddress, { host: "0.0.0.0", port: 9000 });
  assert.equal(settings.httpAddress, { host: "::1", port: 8081 });
});

test.run();
