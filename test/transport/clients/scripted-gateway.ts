// The resident `clients` on real sockets, before a gateway that follows a script. Every port is ephemeral.

import { request as httpRequest } from "node:http";
import { type Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { pino } from "pino";
import type { CallId, ClientsToGateway } from "../../../src/actors/messages.ts";
import type { Answer, Holder, LockEvent, Operation, Standing } from "../../../src/actors/operations.ts";
import {
  fencingToken,
  instant,
  leaseId,
  logIndex,
  millis,
  nodeId,
  regionId,
  term,
  wallTime,
} from "../../../src/actors/scalars.ts";
import { startClients } from "../../../src/transport/clients.ts";
import * as stateless from "../../../src/transport/generated/com/geastalt/lock/grpc/lock.ts";
import * as election from "../../../src/transport/generated/lockmgr/v1/election.ts";
import * as native from "../../../src/transport/generated/lockmgr/v1/lock.ts";
import * as leased from "../../../src/transport/generated/lowkey/v1/lock.ts";
import type { Resident } from "../../../src/transport/resident.ts";
import type { Settings } from "../../../src/transport/settings.ts";

export type Request = Extract<ClientsToGateway, { type: "request" }>;

export const settings = (changes: Partial<Settings> = {}): Settings => ({
  config: {
    cluster: {
      clusterId: "test",
      regionId: regionId("default"),
      regions: [regionId("default")],
      voters: [nodeId("a"), nodeId("b"), nodeId("c")],
      clockRateErrorMax: 0.01,
      clockAllowanceMs: millis(50),
      requestsRemembered: 1000,
      digestEntries: 1000,
    },
    node: {
      nodeId: nodeId("a"),
      incarnation: "1",
      electionMsMin: millis(300),
      electionMsMax: millis(600),
      heartbeatMs: millis(50),
      confirmMs: millis(5),
      appendEntriesMax: 100,
      appendsInflightMax: 4,
      snapshotEntries: 1000,
      trailingEntries: 100,
      sliceRecords: 100,
      inflightMax: 1000,
      inflightBytesMax: 1_000_000,
      retryMs: millis(100),
    },
  },
  grpcAddress: { host: "127.0.0.1", port: 0 },
  httpAddress: { host: "127.0.0.1", port: 0 },
  regionAddress: { host: "127.0.0.1", port: 0 },
  peers: [],
  regionPeers: [],
  dataDir: "",
  logLevel: "silent",
  lockMsDefault: millis(30_000),
  lockMsMin: millis(1_000),
  lockMsMax: millis(300_000),
  leaseMsMax: millis(3_600_000),
  requestMsMax: millis(5_000),
  mapBytes: 0,
  requestBytesMax: 16_384,
  connectionsMax: 100,
  streamsPerConnectionMax: 100,
  threads: "shared",
  version: "1.2.3",
  ...changes,
});

export const holder: Holder = {
  owner: "somebody",
  lease: leaseId(7),
  token: fencingToken(42),
  ttl: millis(30_000),
  grantedAt: wallTime(Date.UTC(2024, 4, 6, 7, 8, 9)),
  remaining: millis(1234),
};

export const standing = (changes: Partial<Standing> = {}): Standing => ({
  role: "follower",
  term: term(3),
  leader: nodeId("b"),
  leaderAddress: "b.example:9090",
  leaderReachable: true,
  ...changes,
});

/** What the gateway says to an operation; null: nothing. */
export type Script = (operation: Operation, letter: Request) => Answer | null;

export interface House {
  readonly resident: Resident<"clients">;
  readonly letters: ClientsToGateway[];
  readonly grpcAddress: string;
  readonly grpcPort: number;
  readonly httpPort: number;
  /** Changes what the gateway says. */
  readonly follow: (script: Script) => void;
  readonly answer: (call: CallId, answer: Answer) => void;
  /** Tells a call that its request waits. */
  readonly wait: (call: CallId, answer: Extract<Answer, { type: "queued" }>) => void;
  /** Tells a watch what has happened. */
  readonly watched: (call: CallId, revision: number, events: readonly LockEvent[]) => void;
  readonly watchGone: (call: CallId, oldest: number) => void;
  readonly tell: (standing: Standing) => void;
  /** The last request that reached the gateway. */
  readonly lastRequest: () => Request;
  /** Resolves once `condition` holds of the letters so far. */
  readonly until: (condition: (letters: readonly ClientsToGateway[]) => boolean) => Promise<void>;
  readonly stateless: stateless.LockServiceClient;
  readonly leased: leased.LockServiceClient;
  readonly native: native.LockServiceClient;
  readonly election: election.ElectionServiceClient;
  readonly stop: () => Promise<void>;
}

export const free: Answer = { type: "free" };

export async function openHouse(changes: Partial<Settings> = {}): Promise<House> {
  const letters: ClientsToGateway[] = [];
  const waiting: { condition: (letters: readonly ClientsToGateway[]) => boolean; resolve: () => void }[] = [];
  let script: Script = () => free;
  const post = (_to: "gateway", letter: ClientsToGateway): void => {
    letters.push(letter);
    for (const wait of waiting) if (wait.condition(letters)) wait.resolve();
    if (letter.type === "count") {
      const counts = { leases: 2, locks: 3, fencingCounter: fencingToken(Number.MAX_SAFE_INTEGER) };
      setImmediate(() => resident.receive({ type: "counted", call: letter.call, counts }));
    }
    if (letter.type !== "request") return;
    const answer = script(letter.operation, letter);
    if (answer !== null) setImmediate(() => resident.receive({ type: "answered", call: letter.call, answer }));
  };
  const resident = await startClients({
    settings: settings(changes),
    log: pino({ level: "silent" }),
    post,
    now: () => instant(performance.now()),
    fail: (error) => {
      throw error;
    },
    inspectNode: async () => ({ clients: resident.inspect(), raft: { commitIndex: 12, role: "leader" } }),
  });
  const { grpcPort, httpPort } = resident.inspect() as { grpcPort: number; httpPort: number };
  const grpcAddress = `127.0.0.1:${grpcPort}`;
  const clients = {
    stateless: new stateless.LockServiceClient(grpcAddress, credentials.createInsecure()),
    leased: new leased.LockServiceClient(grpcAddress, credentials.createInsecure()),
    native: new native.LockServiceClient(grpcAddress, credentials.createInsecure()),
    election: new election.ElectionServiceClient(grpcAddress, credentials.createInsecure()),
  };
  return {
    resident,
    letters,
    grpcAddress,
    grpcPort,
    httpPort,
    follow: (next) => {
      script = next;
    },
    answer: (call, answer) => resident.receive({ type: "answered", call, answer }),
    wait: (call, answer) => resident.receive({ type: "waiting", call, answer }),
    watched: (call, revision, events) =>
      resident.receive({ type: "watched", call, revision: logIndex(revision), events }),
    watchGone: (call, oldest) => resident.receive({ type: "watchGone", call, oldest: logIndex(oldest) }),
    tell: (told) => resident.receive({ type: "standing", standing: told }),
    lastRequest: () => letters.filter((letter) => letter.type === "request").at(-1) as Request,
    until: (condition) =>
      condition(letters) ? Promise.resolve() : new Promise((resolve) => waiting.push({ condition, resolve })),
    ...clients,
    stop: async () => {
      for (const client of Object.values(clients)) client.close();
      await resident.stop();
    },
  };
}

/** What a call came to: the response, or the error. */
export type Came<Response> =
  | { readonly response: Response; readonly error: null }
  | { readonly response: null; readonly error: ServiceError };

/** Calls, and waits for what comes. */
export const came = <Response>(
  call: (done: (error: ServiceError | null, response?: Response) => void) => void,
): Promise<Came<Response>> =>
  new Promise((resolve) =>
    call((error, response) =>
      resolve(error === null ? { response: response as Response, error } : { response: null, error }),
    ),
  );

/** Sends bytes as the request of a unary call. */
export function sendBytes(
  client: Client,
  path: string,
  bytes: Buffer,
  metadata = new Metadata(),
): Promise<Came<Buffer>> {
  const asIs = (buffer: Buffer): Buffer => buffer;
  return came((done) => client.makeUnaryRequest(path, asIs, asIs, bytes, metadata, done));
}

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

/** A request over HTTP, with no header that is not given. */
export function http(
  house: House,
  method: string,
  path: string,
  body?: string | Buffer,
  headers: Record<string, string> = {},
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      { host: "127.0.0.1", port: house.httpPort, method, path, headers, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }),
        );
        response.on("error", reject);
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}
