// `npm run charts`: what the charts render, by real helm, with every values file and every switch: accepted by the checks of an
// API server and by the schemas of the custom resources, equal to the renders beside this file, and refused where it must be.
// UPDATE_GOLDENS=1 writes these renders anew; read them as a diff.

import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { variables } from "../../src/transport/settings-table.ts";
import { newReport } from "../interop/report.ts";
import { root, run } from "../interop/run.ts";
import { checkRegions, checkRouting, checkUpgrades } from "./chart-rules.ts";
import { checkInstalling } from "./installing.ts";
import { asPod } from "./pods.ts";
import { type Render, refused, renders } from "./renders.ts";
import { buildChecker, definitionFiles, installHelm } from "./tools.ts";

const goldens = join(root, "test", "deploy", "goldens");
/** So long that only what hangs is ended. */
const helmMsMax = 300_000;
const report = newReport();
await checkFiles();
console.log("building helm and the checker (the first time takes minutes)");
const helm = await installHelm();
const checker = await buildChecker();
if (helm.command === null || checker.command === null) {
  const reason = helm.command === null ? helm.reason : checker.reason;
  console.log(`NOT TESTED: the charts: ${reason}`);
  report.skip("the charts are rendered and checked", reason);
} else await checkCharts(helm.command[0] ?? "", checker.command[0] ?? "");
console.log(`\n${report.sum()}`);
process.exit(report.failures() > 0 ? 1 : 0);

async function checkCharts(helmProgram: string, checkerProgram: string): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), "lockmgr-charts-"));
  process.once("exit", () => rmSync(scratch, { recursive: true, force: true }));
  const template = ({ chart, release, namespace, args }: Render) =>
    run(helmProgram, ["template", release, join("helm", chart), "--namespace", namespace, ...args], {
      cwd: root,
      withinMs: helmMsMax,
    });
  for (const chart of ["lockmgr", "lockmgr-istio"]) {
    await report.rule(`helm lint --strict ${chart}`, async () => {
      const { code, output } = await run(helmProgram, ["lint", "--strict", join("helm", chart)], {
        cwd: root,
        withinMs: helmMsMax,
      });
      equal(code, 0, output);
    });
  }
  const files: string[] = [];
  const texts = new Map<string, string>();
  for (const render of renders) {
    await report.rule(`renders: ${render.name}`, async () => {
      const { code, output, stdout } = await template(render);
      equal(code, 0, output);
      texts.set(render.name, stdout);
      const file = join(scratch, `${render.name.replaceAll(" ", "-")}.yaml`);
      writeFileSync(file, stdout);
      files.push(file);
      if (render.golden) compareWithGolden(render.name, stdout);
    });
  }
  await report.rule("every object of every render is what an API server accepts", async () => {
    const definitions = (await definitionFiles()).join(",");
    const check = (...args: string[]) =>
      run(checkerProgram, ["manifests", "-crds", definitions, ...args], { withinMs: 900_000 });
    const { code, output } = await check(...files);
    equal(code, 0, output);
    // A check that accepts everything would say nothing.
    const broken = join(scratch, "broken.yaml");
    const [first = ""] = files;
    for (const [right, wrong] of [
      ["minReadySeconds", "minReadySecond"],
      ["podManagementPolicy: Parallel", "podManagementPolicy: Sideways"],
      ["name: region", "name: a-name-that-is-too-long"],
      ["cpu: 500m", "cpu: half"],
    ] as const) {
      const text = readFileSync(first, "utf8");
      ok(text.includes(right), right);
      writeFileSync(broken, text.replaceAll(right, wrong));
      notEqual((await check(broken)).code, 0, `${wrong} is accepted`);
    }
  });
  for (const render of refused) {
    await report.rule(`refuses: ${render.name}`, async () => {
      const { code, output } = await template(render);
      notEqual(code, 0, output);
      match(output, render.says);
    });
  }
  await checkRules(texts);
  const bench = { report, helm: helmProgram, checker: checkerProgram, scratch, texts };
  await checkRegions(bench);
  await checkRouting(bench);
  await checkUpgrades(bench);
  await checkInstalling(bench);
  await checkNodes(texts);
}

function compareWithGolden(name: string, text: string): void {
  const file = join(goldens, `${name}.yaml`);
  if (process.env.UPDATE_GOLDENS === "1" || !existsSync(file)) {
    equal(process.env.CI === "true" && !existsSync(file), false, `${file} is missing`);
    mkdirSync(goldens, { recursive: true });
    writeFileSync(file, text);
  }
  const [was, is] = [readFileSync(file, "utf8").split("\n"), text.split("\n")];
  const line = is.findIndex((now, place) => now !== was[place]);
  if (line >= 0 || was.length !== is.length)
    throw new Error(
      `not as in ${file}, line ${line + 1}:\n- ${was[line]}\n+ ${is[line]}\nUPDATE_GOLDENS=1 npm run charts writes it anew`,
    );
}

/** What can be said without helm. */
async function checkFiles(): Promise<void> {
  await report.rule(
    "every setting of a node can be set by the chart, or is decided by it, and no other is known",
    () => {
      const schema = JSON.parse(readFileSync(join(root, "helm", "lockmgr", "values.schema.json"), "utf8"));
      const decided = ["NODE_ID", "REGION_ID", "CLUSTER_ID", "GRPC_PORT", "HTTP_PORT", "REGION_PORT", "RAFT_PEERS"];
      const others = [...decided, "REGION_PEERS", "DATA_DIR"];
      deepEqual([...Object.keys(schema.properties.config.properties), ...others].sort(), [...variables].sort());
    },
  );
  await report.rule("what stands in for chart and app has the package's version", () => {
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
    for (const chart of ["lockmgr", "lockmgr-istio"])
      match(
        readFileSync(join(root, "helm", chart, "Chart.yaml"), "utf8"),
        new RegExp(`^appVersion: "?${version}"?$`, "m"),
      );
  });
}

/** What must hold of the texts, beyond being valid. */
async function checkRules(texts: ReadonlyMap<string, string>): Promise<void> {
  const text = (name: string): string => texts.get(name) ?? "";
  await report.rule("every node is told all others of its region and not itself, whatever their number", () => {
    for (const [name, nodes] of [
      ["lockmgr-defaults", 3],
      ["lockmgr five nodes", 5],
      ["lockmgr one node", 1],
    ] as const) {
      const lists = [...text(name).matchAll(/^ {2}locks-lockmgr-(\d)\.env: \|\n {4}RAFT_PEERS=(.*)$/gm)];
      equal(lists.length, nodes, name);
      for (const [, number = "", peers = ""] of lists) {
        const told = [...peers.matchAll(/(?:^|,)locks-lockmgr-(\d):locks-lockmgr-\1\./g)].map(([, other]) => other);
        deepEqual(
          told,
          Array.from({ length: nodes }, (_, other) => `${other}`).filter((other) => other !== number),
        );
      }
    }
  });
  await report.rule("liveness asks for life only, and readiness for a leader", () => {
    const probe = (name: string) =>
      new RegExp(`${name}:\\n\\s+grpc:\\n\\s+port: 9090\\n\\s+service: (\\S+)`).exec(text("lockmgr-defaults"))?.[1];
    deepEqual(["startupProbe", "livenessProbe", "readinessProbe"].map(probe), ["liveness", "liveness", '""']);
  });
  await report.rule("no render has a secret, and no timeout cuts a call", () => {
    for (const [name, rendered] of texts) {
      ok(!/^kind: Secret/m.test(rendered), name);
      ok(!/^\s*(timeout|perTryTimeout):/m.test(rendered), name);
    }
  });
}

/** Nodes, started with what the renders say. */
async function checkNodes(texts: ReadonlyMap<string, string>): Promise<void> {
  const text = (name: string): string => texts.get(name) ?? "";
  await report.rule("a node starts with what the chart tells it, and knows its group and the other regions", () =>
    asPod(text("lockmgr-us-east"), "lockmgr-us-east-1", async (http) => {
      const status = (await (await fetch(`${http}/v1/status`)).json()) as Record<string, unknown>;
      deepEqual([status.node_id, status.cluster_size], ["lockmgr-us-east-1", 3]);
      match(await (await fetch(`${http}/metrics`)).text(), /^lockmgr_region_reachable\{region="us-west"\} 0$/m);
    }),
  );
  await report.rule("a node tells every number that the dashboard and the alerts ask for", () =>
    asPod(text("lockmgr-us-east"), "lockmgr-us-east-0", async (http) => {
      const told = await (await fetch(`${http}/metrics`)).text();
      for (const file of ["grafana/dashboards/lockmgr.json", "prometheus/rules.yml"]) {
        const asked = readFileSync(join(root, "deploy", file), "utf8").match(/\blockmgr_[a-z_]+/g) ?? [];
        ok(asked.length > 0, file);
        for (const name of asked) match(told, new RegExp(`^(# TYPE )?${name}\\b`, "m"), `${file}: ${name}`);
      }
    }),
  );
  await report.rule("what a number is about is not overwritten by what the node is that tells it", () =>
    asPod(text("lockmgr-us-east"), "lockmgr-us-east-0", async (http) => {
      const told = await (await fetch(`${http}/metrics`)).text();
      const labels = new Set([...told.matchAll(/[{,]([a-z_]+)="/g)].map(([, label = ""]) => label));
      for (const [asker, given, honours] of [
        [
          readFileSync(join(root, "deploy", "prometheus", "prometheus.yml"), "utf8"),
          /target_label: (\S+)/g,
          /^ {4}honor_labels: true$/m,
        ],
        [text("lockmgr a monitor"), /targetLabel: (\S+)/g, /^ {6}honorLabels: true$/m],
      ] as const) {
        const both = [...asker.matchAll(given)].map(([, label = ""]) => label).filter((label) => labels.has(label));
        deepEqual(both, ["region"], "who else has two meanings?");
        match(asker, honours);
      }
    }),
  );
  await report.rule("what helm test runs is content with a node as the chart starts it", () =>
    asPod(text("lockmgr-development"), "locks-lockmgr-0", async (http) => {
      const program = readFileSync(join(root, "helm", "lockmgr", "files", "test.mjs"), "utf8");
      ok(text("lockmgr-development").includes("command: [node, --input-type=module, --eval]"));
      const { code, output } = await run("node", ["--input-type=module", "--eval", program, "--", http], {
        withinMs: 600_000,
      });
      equal(code, 0, output);
      equal(output.match(/^ok /gm)?.length, 4, output);
    }),
  );
}
