// Reads what this process was told, from flags and environment, once and as a whole. Every problem is found, none is guessed
// away, and what comes out is frozen. Pure: it reads no file, no clock, and no environment but the one it is given.

import { millis, nodeId, regionId } from "../actors/scalars.ts";
import type { Address, Settings } from "./settings.ts";
import { readFlags } from "./settings-flags.ts";
import { listenAddress } from "./settings-kinds.ts";
import { regionsOf, relations } from "./settings-relations.ts";
import {
  type AddressFlag,
  addressFlags,
  flagOf,
  helpText,
  table,
  type Values,
  type Variable,
  variables,
} from "./settings-table.ts";

/** What came of it: the settings, everything that is wrong with them, or what the user asked to see. */
export type Reading =
  | { readonly settings: Settings }
  | { readonly problems: readonly string[] }
  | { readonly help: string }
  | { readonly version: string };

/** The values read so far, who gave each, and what is wrong. */
interface Draft {
  readonly values: Values;
  readonly wrong: ReadonlySet<Variable>;
  /** What the user wrote, to begin a problem with: the variable's name or the flag's. */
  readonly nameOf: (variable: Variable) => string;
}

/** Never throws. `incarnation` must be different at every start of any node. */
export function readSettings(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  { version, incarnation }: { version: string; incarnation: string },
): Reading {
  const { given, problems: flagProblems } = readFlags(argv);
  if (given.has("help")) return { help: helpText() };
  if (given.has("version")) return { version };

  const problems = [...flagProblems];
  const draft = readValues(given, env, problems);
  problems.push(...membershipProblems(given));
  const addresses = readAddresses(given, draft, problems);
  for (const { of, holds, says } of relations) {
    const [first] = of;
    if (first === undefined || of.some((variable) => draft.wrong.has(variable)) || holds(draft.values)) continue;
    problems.push(`${draft.nameOf(first)}: ${says(draft.values)}`);
  }
  if (problems.length > 0) return { problems };
  return { settings: freeze(settingsOf(draft.values, addresses, { version, incarnation })) };
}

/** A flag wins over its variable; an empty text is as good as none. */
function readValues(
  given: ReadonlyMap<string, string>,
  env: Readonly<Record<string, string | undefined>>,
  problems: string[],
): Draft {
  const values: Partial<Record<Variable, unknown>> = {};
  const wrong = new Set<Variable>();
  const byFlag = new Set<Variable>();
  const nameOf = (variable: Variable): string => (byFlag.has(variable) ? `--${flagOf(variable)}` : variable);
  for (const variable of variables) {
    const { kind, standard } = table[variable];
    const flag = given.get(flagOf(variable))?.trim();
    if (flag) byFlag.add(variable);
    const read = kind.parse(flag || env[variable]?.trim() || standard);
    if ("value" in read) {
      values[variable] = read.value;
    } else {
      wrong.add(variable);
      problems.push(`${nameOf(variable)}: ${read.problem}`);
    }
  }
  return { values: values as Values, wrong, nameOf };
}

function membershipProblems(given: ReadonlyMap<string, string>): string[] {
  if (!given.get("join")) return [];
  const problems = ["--join: joining a running cluster is not served yet; name all members in RAFT_PEERS"];
  if (given.has("bootstrap")) problems.push("--bootstrap: excludes --join; give one of them");
  return problems;
}

interface Addresses {
  readonly grpcAddress: Address;
  readonly httpAddress: Address;
  readonly regionAddress: Address;
}

function readAddresses(given: ReadonlyMap<string, string>, draft: Draft, problems: string[]): Addresses {
  const listening: { name: string; address: Address }[] = [];
  const read = (flag: AddressFlag): Address => {
    const { port } = addressFlags[flag];
    const text = given.get(flag)?.trim();
    if (!text) {
      const address = { host: draft.values.LISTEN_HOST, port: draft.values[port] };
      if (!draft.wrong.has(port) && !draft.wrong.has("LISTEN_HOST")) {
        listening.push({ name: draft.nameOf(port), address });
      }
      return address;
    }
    if (given.get(flagOf(port))) problems.push(`--${flag}: give it or --${flagOf(port)}, not both`);
    const parsed = listenAddress.parse(text);
    if ("value" in parsed) {
      listening.push({ name: `--${flag}`, address: parsed.value });
      return parsed.value;
    }
    problems.push(`--${flag}: ${parsed.problem}`);
    return { host: "", port: 0 };
  };
  const addresses = {
    grpcAddress: read("grpc-addr"),
    httpAddress: read("http-addr"),
    regionAddress: read("raft-addr"),
  };
  for (const [place, { name, address }] of listening.entries()) {
    const rival = listening.slice(0, place).find((other) => collides(other.address, address));
    if (rival !== undefined)
      problems.push(`${name}: port ${address.port} is taken by ${rival.name}; ports must differ`);
  }
  return addresses;
}

const isEverywhere = ({ host }: Address): boolean => host === "0.0.0.0" || host === "::";

/** Port 0 lets the system choose, and it chooses well. */
const collides = (one: Address, other: Address): boolean =>
  one.port === other.port && one.port !== 0 && (one.host === other.host || isEverywhere(one) || isEverywhere(other));

function settingsOf(
  values: Values,
  addresses: Addresses,
  { version, incarnation }: { version: string; incarnation: string },
): Settings {
  const ownId = nodeId(values.NODE_ID);
  return {
    config: {
      cluster: {
        clusterId: values.CLUSTER_ID,
        regionId: regionId(values.REGION_ID),
        regions: regionsOf(values),
        voters: [ownId, ...values.RAFT_PEERS.map((peer) => peer.nodeId)].sort(),
        clockRateErrorMax: values.CLOCK_RATE_ERROR_MAX,
        clockAllowanceMs: millis(values.CLOCK_ALLOWANCE_MS),
        requestsRemembered: values.REQUESTS_REMEMBERED,
        digestEntries: 4096,
      },
      node: {
        nodeId: ownId,
        incarnation,
        electionMsMin: millis(values.RAFT_ELECTION_TIMEOUT_MS),
        electionMsMax: millis(2 * values.RAFT_ELECTION_TIMEOUT_MS),
        heartbeatMs: millis(values.RAFT_HEARTBEAT_INTERVAL_MS),
        confirmMs: millis(5),
        appendEntriesMax: 1024,
        appendsInflightMax: 16,
        snapshotEntries: values.SNAPSHOT_ENTRIES,
        trailingEntries: values.TRAILING_ENTRIES,
        sliceRecords: 2000,
        inflightMax: values.INFLIGHT_MAX,
        inflightBytesMax: values.INFLIGHT_BYTES_MAX,
        retryMs: millis(500),
      },
    },
    ...addresses,
    peers: values.RAFT_PEERS,
    regionPeers: values.REGION_PEERS,
    dataDir: values.DATA_DIR,
    logLevel: values.LOG_LEVEL,
    lockMsDefault: millis(values.LOCK_DEFAULT_TIMEOUT_MS),
    lockMsMin: millis(values.LOCK_MIN_TIMEOUT_MS),
    lockMsMax: millis(values.LOCK_MAX_TIMEOUT_MS),
    leaseMsMax: millis(values.LEASE_MAX_TTL_MS),
    requestMsMax: millis(values.QUORUM_TIMEOUT_MS),
    mapBytes: values.STORAGE_MAP_BYTES,
    requestBytesMax: values.REQUEST_BYTES_MAX,
    connectionsMax: values.CONNECTIONS_MAX,
    streamsPerConnectionMax: values.STREAMS_PER_CONNECTION_MAX,
    threads: values.THREADS,
    version,
  };
}

function freeze<Value>(value: Value): Value {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inside of Object.values(value)) freeze(inside);
  }
  return value;
}
