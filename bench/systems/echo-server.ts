// The process behind `echo.ts`: grants everything at once and remembers nothing. It ends with its parent.

import { Server, ServerCredentials } from "@grpc/grpc-js";
import {
  LockStatus,
  type LockServiceServer as StatelessServer,
  LockServiceService as StatelessService,
} from "../../src/transport/generated/com/geastalt/lock/grpc/lock.ts";
import {
  type LockServiceServer as LeaseServer,
  LockServiceService as LeaseService,
} from "../../src/transport/generated/lowkey/v1/lock.ts";

const done = { success: true, errorMessage: "", status: LockStatus.LOCK_STATUS_OK };
const lease = { leaseId: 1n, ttlSeconds: 60n };
let fencingToken = 0n;

const stateless: Pick<StatelessServer, "acquireLock" | "releaseLock"> = {
  acquireLock: (_, answer) => {
    fencingToken += 1n;
    answer(null, { ...done, fencingToken, expiresAt: 0n });
  },
  releaseLock: (_, answer) => answer(null, done),
};
const leases: Pick<LeaseServer, "createLease" | "heartbeat"> = {
  createLease: (_, answer) => answer(null, lease),
  heartbeat: (stream) => {
    stream.on("data", () => stream.write(lease));
    stream.on("end", () => stream.end());
    stream.on("error", () => undefined);
  },
};

const server = new Server();
server.addService(StatelessService, stateless);
server.addService(LeaseService, leases);
process.on("disconnect", () => process.exit());
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.send?.(port);
});
