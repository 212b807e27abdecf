// A container engine to test with: one that runs already, or Debian's, unpacked into a cache of this repository and started by
// hand in namespaces of its own, so that neither the machine's network nor its packages are touched. And images to build on
// where no registry of images can be reached: of Debian's packages, and of node as the package registry has it.

import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fetchStep, patientApt } from "../interop/fetching.ts";
import { isInstalled, root, run } from "../interop/run.ts";

export type Engine =
  /** A daemon that answers. */
  | { readonly how: "running"; readonly version: string }
  /** Programs, those that the machine lacks under `programs`, and what to build on. */
  | { readonly how: "own"; readonly programs: string; readonly images: string }
  | { readonly how: "none"; readonly reason: string };

const cache = join(root, "node_modules", ".cache", "deploy");
const installMsMax = 1_800_000;
/** What starts containers, and what reads compose files. */
const enginePackages = ["docker.io", "docker-compose"];
/** A shell and its tools, and the libraries of node. */
const imagePackages = [
  ...["dash", "coreutils", "findutils", "libacl1", "libattr1", "libgmp10", "libselinux1", "libpcre2-8-0"],
  ...["libc6", "libgcc-s1", "libstdc++6", "gcc-12-base"],
];
const npmPackage = "npm@11";

export async function findEngine(): Promise<Engine> {
  const answer = await run("docker", ["version", "--format", "{{.Server.Version}}"]);
  if (answer.code === 0) return { how: "running", version: answer.stdout.trim() };
  const missing = ["unshare", "ip", "apt-get", "dpkg-deb", "tar", "npm"].filter((program) => !isInstalled(program));
  if (missing.length > 0) return none(`no engine runs here, and without ${missing.join(", ")} none can be made`);
  if (process.getuid?.() !== 0) return none("no engine runs here, and only root can start one");
  const [unshare = "", ...args] = apart;
  const alone = await run(unshare, [...args, "mount", "-t", "tmpfs", "tmpfs", "/run"]);
  if (alone.code !== 0) return none(`no engine runs here, and root may not start one here: ${alone.output}`);
  const programs = join(cache, "engine");
  const images = join(cache, "images");
  const problem = (await once(programs, unpackEngine)) ?? (await once(images, makeImages));
  return problem === null ? { how: "own", programs, images } : none(problem);
}

/** What runs a program in namespaces of its own; whatever it leaves behind there ends with them, and they with who has made them. */
export const apart = [
  ...(isInstalled("setpriv") ? ["setpriv", "--pdeathsig", "KILL"] : []),
  ...["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"],
];

const none = (reason: string): Engine => ({ how: "none", reason });

/** Fills a folder unless that was done before with the same lock file; returns what went wrong, or null. */
async function once(folder: string, fill: (folder: string) => Promise<string | null>): Promise<string | null> {
  const stamp = join(folder, ".complete");
  const from = `${baseMajor()} ${readFileSync(join(root, "package-lock.json"), "utf8")}`;
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === from) return null;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const problem = await fill(folder);
  if (problem === null) writeFileSync(stamp, from);
  return problem;
}

/** The official image on which the Dockerfile builds. */
export function baseImage(): string {
  return /^ARG NODE_IMAGE=(\S+)/m.exec(readFileSync(join(root, "Dockerfile"), "utf8"))?.[1] ?? "";
}

/** Its line of node. */
const baseMajor = (): string => /^node:(\d+)-/.exec(baseImage())?.[1] ?? "";

async function step(command: string, args: readonly string[]): Promise<string | null> {
  const result = await run(command, args, { withinMs: installMsMax });
  return result.code === 0 ? null : `${command} ${args.join(" ")}\n${result.output}`;
}

const updateLists = () => fetchStep("apt-get", [...patientApt, "update"]);

/** Unpacks Debian packages, without installing them. */
async function unpack(packages: readonly string[], folder: string): Promise<string | null> {
  const downloads = `${folder}.packages`;
  // What a run that was broken off has left.
  rmSync(downloads, { recursive: true, force: true });
  mkdirSync(downloads, { recursive: true });
  const args = [...patientApt, "-o", "APT::Sandbox::User=root", "download", ...packages];
  const first = await run("apt-get", args, { cwd: downloads, withinMs: installMsMax });
  // The lists may be missing, or name what is no more.
  let problem = first.code === 0 ? null : await updateLists();
  if (first.code !== 0) problem ??= await fetchStep("apt-get", args, { cwd: downloads });
  for (const file of problem === null ? readdirSync(downloads) : []) {
    // Of packages for a merged /usr and for a split one: what leads from /lib to /usr/lib must stay.
    const unpacked = 'dpkg-deb --fsys-tarfile "$0" | tar -x --keep-directory-symlink -C "$1"';
    problem ??= await step("sh", ["-c", unpacked, join(downloads, file), folder]);
  }
  rmSync(downloads, { recursive: true, force: true });
  return problem;
}

async function unpackEngine(folder: string): Promise<string | null> {
  const wanted = () => run("apt-get", ["install", "--simulate", "--no-install-recommends", ...enginePackages]);
  let simulated = await wanted();
  if (simulated.code !== 0) {
    const problem = await updateLists();
    if (problem !== null) return problem;
    simulated = await wanted();
  }
  if (simulated.code !== 0) return simulated.output;
  const lacking = [...simulated.stdout.matchAll(/^Inst (\S+)/gm)].map(([, name = ""]) => name);
  const problem = lacking.length === 0 ? null : await unpack(lacking, folder);
  // The names under which the engine looks for them; Debian's own installation would link them.
  mkdirSync(join(folder, "names"), { recursive: true });
  const tables = join(folder, "usr", "sbin", "xtables-legacy-multi");
  if (existsSync(tables))
    for (const name of ["iptables", "ip6tables"]) symlinkSync(tables, join(folder, "names", name));
  return problem;
}

/** `run` is what the official image offers at run time; `build` what is added for building: npm and all that it would fetch. */
async function makeImages(folder: string): Promise<string | null> {
  const base = join(folder, "run");
  for (const name of ["bin", "lib", "lib64", "sbin"]) {
    mkdirSync(join(base, "usr", name), { recursive: true });
    symlinkSync(`usr/${name}`, join(base, name));
  }
  for (const name of ["etc", "tmp", "usr/local/bin"]) mkdirSync(join(base, name), { recursive: true });
  writeFileSync(join(base, "etc", "passwd"), "root:x:0:0::/:/bin/sh\nnode:x:1000:1000::/:/bin/sh\n");
  const fetched = join(folder, "fetched");
  const node = `node-linux-${process.arch}`;
  mkdirSync(fetched, { recursive: true });
  const problem =
    (await unpack(imagePackages, base)) ??
    (await fetchStep("npm", ["install", "--no-save", "--prefix", fetched, `${node}@${baseMajor()}`, npmPackage], {
      cwd: fetched,
    }));
  if (problem !== null) return problem;
  if (!existsSync(join(base, "bin", "sh"))) symlinkSync("dash", join(base, "usr", "bin", "sh"));
  cpSync(join(fetched, "node_modules", node, "bin", "node"), join(base, "usr", "local", "bin", "node"));
  const extra = join(folder, "build");
  const modules = join(extra, "usr", "local", "lib", "node_modules");
  mkdirSync(join(extra, "usr", "local", "bin"), { recursive: true });
  cpSync(join(fetched, "node_modules", "npm"), join(modules, "npm"), { recursive: true });
  symlinkSync("../lib/node_modules/npm/bin/npm-cli.js", join(extra, "usr", "local", "bin", "npm"));
  return fillNpmCache(join(extra, "npm-cache"), fetched);
}

/** Lets npm fetch what the lock file names, so that it needs no network when the image is built. */
async function fillNpmCache(folder: string, scratch: string): Promise<string | null> {
  const copy = join(scratch, "locked");
  mkdirSync(copy);
  for (const file of ["package.json", "package-lock.json", ".npmrc"]) cpSync(join(root, file), join(copy, file));
  const npm = join(dirname(copy), "node_modules", "npm", "bin", "npm-cli.js");
  const args = [npm, "ci", "--no-audit", "--no-fund", "--cache", folder];
  const problem = await fetchStep(process.execPath, args, { cwd: copy });
  rmSync(scratch, { recursive: true, force: true });
  return problem;
}
