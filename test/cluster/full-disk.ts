// Small file systems for the data of nodes, in memory, made by the test. They are mounted in a mount namespace of their own, kept
// by a child process that lives until its standard input ends: whatever ends the test, even kill -9, unmounts them. This
// process and its nodes reach them through /proc.

import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { join } from "node:path";
import { planSites, removeDirectory, type Site, temporaryDirectory } from "./node-process.ts";

export interface SmallDisk {
  /** A site whose data are on this disk. */
  readonly site: Site;
  /** Writes a file that leaves no more than `freeShare` of the disk free; 0 is the last byte. */
  readonly fill: (freeShare: number) => void;
  /** Removes that file. */
  readonly empty: () => void;
}

export interface SmallDisks {
  readonly disks: readonly SmallDisk[];
  readonly unmount: () => Promise<void>;
}

const diskBytes = 32 * 1024 * 1024;

/** A disk for each of `count` nodes; a sentence that says why not where the system does not let this process mount. */
export async function mountSmallDisks(count: number): Promise<SmallDisks | string> {
  const directory = temporaryDirectory();
  const sites = await planSites(count, directory);
  for (const { dataDir } of sites) mkdirSync(dataDir);
  const mounts = sites.map(({ dataDir }) => `mount -t tmpfs -o size=${diskBytes} lockmgr-test '${dataDir}'`);
  const script = [...mounts, "echo mounted", "exec cat"].join(" && ");
  const asRoot = process.getuid?.() === 0 ? [] : ["--map-root-user"];
  const keeper = spawn("unshare", [...asRoot, "--mount", "--propagation", "private", "sh", "-c", script], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  let complaint = "";
  keeper.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint += text;
  });
  const ended = new Promise<string>((resolve) => {
    keeper.once("error", ({ message }) => resolve(message));
    keeper.once("close", () => resolve(complaint.trim()));
  });
  const mounted = new Promise<null>((resolve) => keeper.stdout.once("data", () => resolve(null)));
  const problem = await Promise.race([mounted, ended]);
  if (problem !== null) {
    removeDirectory(directory);
    return problem;
  }
  const root = `/proc/${keeper.pid}/root`;
  return {
    disks: sites.map((site) => smallDisk(site, join(root, site.dataDir))),
    unmount: async () => {
      keeper.stdin.end();
      await ended;
      removeDirectory(directory);
    },
  };
}

function smallDisk(site: Site, mountPoint: string): SmallDisk {
  const ballast = join(mountPoint, "ballast");
  const dataDir = join(mountPoint, "data");
  return {
    site: { ...site, dataDir, env: { ...site.env, DATA_DIR: dataDir } },
    fill: (freeShare) => {
      const file = openSync(ballast, "a");
      const piece = Buffer.alloc(4_096);
      try {
        for (;;) {
          const { blocks, bavail } = statfsSync(mountPoint);
          if (bavail <= blocks * freeShare) return;
          writeSync(file, piece);
        }
      } finally {
        closeSync(file);
      }
    },
    empty: () => rmSync(ballast, { force: true }),
  };
}
