// What must hold of the renders beyond being valid: how regions name each other, how a mesh leads and repeats calls, what an
// upgrade may change.

import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Report } from "../interop/report.ts";
import { root, run } from "../interop/run.ts";
import { nodesOf, objectsIn, type Rendered, type Route, routeOf, toldOf } from "./objects.ts";

export interface Bench {
  readonly report: Report;
  readonly helm: string;
  readonly checker: string;
  readonly scratch: string;
  /** Every render, by its name. */
  readonly texts: ReadonlyMap<string, string>;
}

const regions = ["us-east", "us-west", "eu-west"];
/** What certainly did nothing may be repeated whatever the call was. */
const harmless = ["connect-failure", "refused-stream"];

/** The objects of a render. */
async function rendered({ checker, scratch, texts }: Bench, name: string): Promise<readonly Rendered[]> {
  const file = join(scratch, "read.yaml");
  writeFileSync(file, texts.get(name) ?? "");
  return objectsIn(checker, file);
}

export async function checkRegions(bench: Bench): Promise<void> {
  await bench.report.rule(
    "the values files name all nodes of each other's regions, as their charts call them",
    async () => {
      const nodes = new Map<string, readonly string[]>();
      const told = new Map<string, string>();
      for (const region of regions) {
        const objects = await rendered(bench, `lockmgr-${region}`);
        nodes.set(region, nodesOf(objects, `lockmgr-${region}`));
        told.set(region, toldOf(objects, "common.env", "REGION_PEERS"));
        equal(toldOf(objects, "common.env", "REGION_ID"), region);
      }
      for (const region of regions) {
        const others = regions.filter((other) => other !== region);
        const expected = others.flatMap((other) => (nodes.get(other) ?? []).map((address) => `${other}:${address}`));
        equal(expected.length, 6);
        deepEqual(told.get(region)?.split(",").sort(), expected.sort(), region);
      }
    },
  );
  await bench.report.rule("a node may go wherever the other regions are named, and nowhere else outside", async () => {
    const objects = await rendered(bench, "lockmgr regions elsewhere");
    const policy = objects.find(({ kind }) => kind === "NetworkPolicy")?.spec as {
      readonly egress: readonly {
        readonly to?: readonly object[];
        readonly ports: readonly { readonly port: number }[];
      }[];
    };
    const outside = policy.egress.filter(({ to }) => to?.some((peer) => "ipBlock" in peer));
    deepEqual(
      outside.map(({ ports }) => ports.map(({ port }) => port)),
      [[9091, 30091, 30092]],
    );
    for (const { kind, metadata, spec } of objects)
      if (kind === "Service" && metadata.name.endsWith("-region")) equal(spec.externalTrafficPolicy, "Local");
  });
}

export async function checkRouting(bench: Bench): Promise<void> {
  const names = ["lockmgr-istio-command", "lockmgr-istio three regions", "lockmgr-istio only the gateway"];
  for (const name of names) {
    await bench.report.rule(`leads calls where they belong, and repeats what is safe: ${name}`, async () => {
      const objects = await rendered(bench, name);
      const services = objects.filter(({ kind }) => kind === "VirtualService");
      equal(services.length, 1 + objects.filter(({ kind }) => kind === "DestinationRule").length);
      for (const service of services) checkRetries(service.metadata.name, service.spec.http as readonly Route[]);
      const main = services.find(({ metadata }) => metadata.name === "lockmgr-istio")?.spec.http as readonly Route[];
      const standard = name.endsWith("three regions") ? "eu-west" : "us-east";
      for (const [asked, led] of [
        ["us-east", "us-east"],
        ["us-west", "us-west"],
        ["mars", standard],
        [undefined, standard],
      ] as const) {
        const headers: Readonly<Record<string, string>> = asked === undefined ? {} : { "x-region": asked };
        for (const [path, port] of [
          ["/com.geastalt.lock.grpc.LockService/AcquireLock", 9090],
          ["/lockmgr.v1.LockService/Session", 9090],
          ["/v1/lock/acquire", 8080],
        ] as const) {
          const host = `lockmgr-${led}.lockmgr-${led}.svc.cluster.local`;
          deepEqual(routeOf(main, { path, port: 80, headers })?.route, [
            { destination: { host, port: { number: port } } },
          ]);
        }
      }
    });
  }
  await bench.report.rule(
    "of three nodes, and of five, one that fails can be left alone, and never a majority",
    async () => {
      const objects = await rendered(bench, "lockmgr-istio-command");
      const policies = objects
        .filter(({ kind }) => kind === "DestinationRule")
        .map(
          ({ spec }) => spec.trafficPolicy as { readonly outlierDetection?: { readonly maxEjectionPercent: number } },
        )
        .flatMap(({ outlierDetection }) => outlierDetection ?? []);
      equal(policies.length, 2);
      // A proxy leaves one more alone only if it is then still within the limit: with 30 %, none of three.
      for (const { maxEjectionPercent } of policies)
        for (const nodes of [3, 5]) {
          const left = Math.floor((maxEjectionPercent / 100) * nodes);
          ok(left >= 1 && left <= (nodes - 1) / 2, `${left} of ${nodes}`);
        }
    },
  );
}

function checkRetries(name: string, routes: readonly Route[]): void {
  const repeated = (path: string, port: number) =>
    (routeOf(routes, { path, port })?.retries?.retryOn ?? "").split(",").filter((word) => word !== "");
  const isOfOneNode = name.endsWith("-headless");
  for (const route of routes) {
    // Without a word on it, the mesh repeats what may have been done.
    ok(route.retries !== undefined, `${name}: ${route.name} leaves it to the mesh`);
    equal(route.retries.attempts, isOfOneNode ? 0 : 3);
  }
  if (isOfOneNode) return;
  deepEqual(repeated("/v1/locks/a:acquire", 8080), harmless);
  for (const service of ["LockService", "ElectionService"])
    deepEqual(repeated(`/lockmgr.v1.${service}/X`, 9090), harmless);
  for (const service of ["com.geastalt.lock.grpc", "lowkey.v1"])
    deepEqual(repeated(`/${service}.LockService/AcquireLock`, 9090), [...harmless, "unavailable"]);
}

/** What an API server lets become of a release. */
export async function checkUpgrades({ report, helm, checker, scratch }: Bench): Promise<void> {
  const render = async (file: string, ...sets: readonly string[]): Promise<string> => {
    const args = [
      "template",
      "locks",
      join("helm", "lockmgr"),
      "--is-upgrade",
      ...sets.flatMap((set) => ["--set", set]),
    ];
    const { code, output, stdout } = await run(helm, args, { cwd: root, withinMs: 300_000 });
    equal(code, 0, output);
    writeFileSync(join(scratch, file), stdout);
    return join(scratch, file);
  };
  const upgrade = async (...sets: readonly string[]) =>
    run(checker, ["upgrade", await render("before.yaml"), await render("after.yaml", ...sets)], { withinMs: 300_000 });
  await report.rule("an upgrade may change what does not change who the nodes are", async () => {
    for (const set of [
      "image.tag=next",
      "config.LOG_LEVEL=debug",
      "resources.limits.memory=4Gi",
      "istio.enabled=true",
      "antiAffinity=soft",
      "service.type=LoadBalancer",
      "preStopSeconds=10",
    ]) {
      const { code, output } = await upgrade(set);
      equal(code, 0, `${set}: ${output}`);
    }
  });
  await report.rule("what is for good is refused by an API server, whoever brings it there", async () => {
    for (const sets of [
      ["replicaCount=5"],
      ["development=true"],
      ["regionId=other"],
      ["clusterId=other"],
      ["regions[0].name=far", "regions[0].hosts={a}"],
    ]) {
      const { code, output } = await upgrade(...sets);
      notEqual(code, 0, sets.join());
      match(output, /StatefulSet locks-lockmgr: spec\.volumeClaimTemplates/);
    }
  });
}
