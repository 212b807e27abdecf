// Foreign clients, installed into a cache of this repository from the package registries, each by its own language's tools:
// grpcurl, and programs that are built from the .proto files. What cannot be installed is null, with the reason.

import { cpSync, existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fetchStep } from "./fetching.ts";
import { isInstalled, type RunOptions, type RunResult, root, run } from "./run.ts";

export interface Toolchain {
  /** How to start the client; null if there is none. */
  readonly command: readonly string[] | null;
  /** Why not. */
  readonly reason: string;
}

const cache = join(root, "node_modules", ".cache", "interop");
/** Where the installed programs are. */
export const toolsDirectory = join(cache, "bin");
const stepMsMax = 600_000;

const grpcurl = "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4";
const goGenerators = [
  "google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12",
  "google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2",
];
const versitygw = "github.com/versity/versitygw/cmd/versitygw@v1.8.0";
const protos = [
  "com/geastalt/lock/grpc/lock.proto",
  "lowkey/v1/lock.proto",
  ...["types", "lock", "election"].map((name) => `lockmgr/v1/${name}.proto`),
];
const goModule = "lockmgr.test/interop";

const missing = (reason: string): Toolchain => ({ command: null, reason });

/** Runs one step of an installation that fetches nothing; null if it went well, else what it said. */
async function step(command: string, args: readonly string[], options: RunOptions = {}): Promise<string | null> {
  const result: RunResult = await run(command, args, { withinMs: stepMsMax, ...options });
  return result.code === 0 ? null : `${command} ${args.join(" ")}\n${result.output}`;
}

const goInstall = (module: string) => fetchStep("go", ["install", module], { env: { GOBIN: toolsDirectory } });

export const installGrpcurl = (): Promise<Toolchain> => goProgram("grpcurl", grpcurl);

/** An S3 server over the files of a directory. */
export const installS3Server = (): Promise<Toolchain> => goProgram("versitygw", versitygw);

async function goProgram(name: string, module: string): Promise<Toolchain> {
  const program = join(toolsDirectory, name);
  if (existsSync(program)) return { command: [program], reason: "" };
  if (!isInstalled("go")) return missing(`go is not installed, so ${name} cannot be built`);
  const problem = await goInstall(module);
  return problem === null ? { command: [program], reason: "" } : missing(problem);
}

/** What the programs of `examples` need, in that folder; null, or what went wrong. */
export async function installExamples(): Promise<string | null> {
  const folder = join(root, "examples");
  const installed = join(folder, "node_modules", ".package-lock.json");
  const lock = join(folder, "package-lock.json");
  if (existsSync(installed) && statSync(installed).mtimeMs > statSync(lock).mtimeMs) return null;
  return fetchStep("npm", ["ci"], { cwd: folder });
}

/** The Go program beside this file, with stubs generated afresh. */
export async function buildGoClient(): Promise<Toolchain> {
  if (!isInstalled("go")) return missing("go is not installed");
  const folder = join(cache, "go");
  mkdirSync(folder, { recursive: true });
  cpSync(join(root, "test", "interop", "go"), folder, { recursive: true });
  for (const generator of goGenerators) {
    const name = /([^/]+)@/.exec(generator)?.[1] ?? "";
    const problem = existsSync(join(toolsDirectory, name)) ? null : await goInstall(generator);
    if (problem !== null) return missing(problem);
  }
  const template = join(cache, "buf.gen.go.yaml");
  const packages = protos.map((proto) => `M${proto}=${goModule}/gen/${proto.replace(/\/[^/]+$/, "")}`);
  const plugins = ["protoc-gen-go", "protoc-gen-go-grpc"].map((plugin) => ({
    local: [join(toolsDirectory, plugin)],
    out: join(folder, "gen"),
    opt: ["paths=source_relative", ...packages],
  }));
  // JSON is YAML.
  writeFileSync(template, JSON.stringify({ version: "v2", plugins }));
  const paths = protos.flatMap((proto) => ["--path", join("proto", proto)]);
  const program = join(toolsDirectory, "go-client");
  const problem =
    (await step(join(root, "node_modules", ".bin", "buf"), ["generate", "--template", template, ...paths], {
      cwd: root,
    })) ?? (await fetchStep("go", ["build", "-o", program, "."], { cwd: folder }));
  return problem === null ? { command: [program], reason: "" } : missing(problem);
}

/** The Python program beside this file, with stubs generated afresh, in an environment of its own. */
export async function buildPythonClient(): Promise<Toolchain> {
  if (!isInstalled("python3")) return missing("python3 is not installed");
  const environment = join(cache, "python");
  const python = join(environment, "bin", "python");
  const sources = join(root, "test", "interop", "python");
  const stubs = join(cache, "python-stubs");
  mkdirSync(stubs, { recursive: true });
  const protoRoot = join(root, "proto");
  const problem =
    // What was broken off has a python, but nothing to install with.
    (existsSync(join(environment, "bin", "pip")) ? null : await step("python3", ["-m", "venv", environment])) ??
    (await fetchStep(python, [
      "-m",
      "pip",
      "install",
      "--quiet",
      "--requirement",
      join(sources, "requirements.txt"),
    ])) ??
    (await step(python, [
      "-m",
      "grpc_tools.protoc",
      `--proto_path=${protoRoot}`,
      `--python_out=${stubs}`,
      `--grpc_python_out=${stubs}`,
      ...protos.map((proto) => join(protoRoot, proto)),
    ]));
  if (problem !== null) return missing(problem);
  return {
    command: ["env", "PYTHONDONTWRITEBYTECODE=1", `PYTHONPATH=${stubs}`, python, join(sources, "client.py")],
    reason: "",
  };
}

/** The PATH on which a shell finds the installed programs first. */
export const pathWithTools = (): string => [toolsDirectory, process.env.PATH ?? ""].join(delimiter);
