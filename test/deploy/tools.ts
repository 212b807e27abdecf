// helm, and the checker beside this file, built from the Go module proxy into a cache of this repository.

import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fetchStep, runFetching } from "../interop/fetching.ts";
import { isInstalled, root } from "../interop/run.ts";
import type { Toolchain } from "../interop/toolchains.ts";

const cache = join(root, "node_modules", ".cache", "deploy");
const bin = join(cache, "bin");
const sources = join(root, "test", "deploy", "go");
/** Building helm, or what reads Kubernetes objects, is ten minutes and more of one processor. */
const buildMsMax = 3_600_000;
const helm = "helm.sh/helm/v3/cmd/helm@v3.22.0";
/** Modules whose files are read: the definitions of the custom resources that the charts render. */
const definitions = [
  { module: "istio.io/api@v1.31.1", file: "kubernetes/customresourcedefinitions.gen.yaml" },
  {
    module: "github.com/prometheus-operator/prometheus-operator@v0.85.0",
    file: "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
  },
];

const missing = (reason: string): Toolchain => ({ command: null, reason });
const found = (program: string): Toolchain => ({ command: [program], reason: "" });

const go = (args: readonly string[], cwd: string): Promise<string | null> =>
  fetchStep("go", args, { cwd, withinMs: buildMsMax, env: { GOBIN: bin } });

export async function installHelm(): Promise<Toolchain> {
  const program = join(bin, "helm");
  const stamp = `${program}.built-from`;
  if (existsSync(program) && existsSync(stamp) && readFileSync(stamp, "utf8") === helm) return found(program);
  if (!isInstalled("go")) return missing("go is not installed, so helm cannot be built");
  mkdirSync(bin, { recursive: true });
  const problem = await go(["install", helm], cache);
  if (problem !== null) return missing(problem);
  writeFileSync(stamp, helm);
  return found(program);
}

export async function buildChecker(): Promise<Toolchain> {
  if (!isInstalled("go")) return missing("go is not installed, so nothing can be checked against its schemas");
  const folder = join(cache, "checker");
  const program = join(bin, "deploy-checker");
  const stamp = `${program}.built-from`;
  const from = fingerprint();
  if (existsSync(program) && existsSync(stamp) && readFileSync(stamp, "utf8") === from) return found(program);
  mkdirSync(bin, { recursive: true });
  cpSync(sources, folder, { recursive: true });
  const problem = await go(["build", "-o", program, "."], folder);
  if (problem !== null) return missing(problem);
  writeFileSync(stamp, from);
  return found(program);
}

function fingerprint(): string {
  const hash = createHash("sha256");
  for (const file of readdirSync(sources).sort()) hash.update(file).update(readFileSync(join(sources, file)));
  return hash.digest("hex");
}

/** The files that define the custom resources; an error says what could not be had. */
export async function definitionFiles(): Promise<readonly string[]> {
  const modules = definitions.map(({ module }) => module);
  const { code, output, stdout } = await runFetching("go", ["mod", "download", "-json", ...modules], {
    withinMs: buildMsMax,
    cwd: cache,
  });
  if (code !== 0) throw new Error(output);
  const folders = [...stdout.matchAll(/"Dir": "(.*)"/g)].map(([, folder = ""]) => folder);
  return definitions.map(({ file }, place) => join(folders[place] ?? "", file));
}
