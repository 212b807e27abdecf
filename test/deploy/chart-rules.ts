// What must hold of the renders beyond being valid: how regions name each other, what an upgrade may change.

import { deepEqual, equal, match, notEqual } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Report } from "../interop/report.ts";
import { root, run } from "../interop/run.ts";
import { nodesOf, objectsIn, type Rendered, toldOf } from "./objects.ts";

export interface Bench {
  readonly report: Report;
  readonly helm: string;
  readonly checker: string;
  readonly scratch: string;
  /** Every render, by its name. */
  readonly texts: ReadonlyMap<string, string>;
}

const regions = ["us-east", "us-west", "eu-west"];

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
