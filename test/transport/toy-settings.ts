// Settings of a node that exists only in a test of its host.

import { millis, nodeId, regionId } from "../../src/actors/scalars.ts";
import type { Settings } from "../../src/transport/settings.ts";
import { patienceMs } from "../patience.ts";

const nowhere = { host: "127.0.0.1", port: 0 };

export const toySettings = (changes: Partial<Settings> = {}): Settings => ({
  config: {
    cluster: {
      clusterId: "toys",
      regionId: regionId("here"),
      regions: [regionId("here")],
      voters: [nodeId("n1"), nodeId("n2"), nodeId("n3")],
      clockRateErrorMax: 0.01,
      clockAllowanceMs: millis(50),
      requestsRemembered: 1000,
      digestEntries: 100,
    },
    node: {
      nodeId: nodeId("n1"),
      incarnation: "1",
      // A clean stop waits for twice as long until the leadership has been handed over.
      electionMsMin: millis(patienceMs / 2),
      electionMsMax: millis(patienceMs / 2),
      heartbeatMs: millis(30),
      confirmMs: millis(5),
      appendEntriesMax: 100,
      appendsInflightMax: 10,
      snapshotEntries: 1000,
      trailingEntries: 100,
      sliceRecords: 100,
      inflightMax: 1000,
      inflightBytesMax: 1e6,
      retryMs: millis(100),
    },
  },
  grpcAddress: nowhere,
  httpAddress: nowhere,
  regionAddress: nowhere,
  peers: [],
  regionPeers: [],
  dataDir: "nowhere",
  logLevel: "info",
  lockMsDefault: millis(30_000),
  lockMsMin: millis(1_000),
  lockMsMax: millis(300_000),
  leaseMsMax: millis(300_000),
  requestMsMax: millis(10_000),
  mapBytes: 1e6,
  requestBytesMax: 1e6,
  connectionsMax: 10,
  streamsPerConnectionMax: 10,
  threads: "separate",
  version: "0.0.0",
  ...changes,
});
