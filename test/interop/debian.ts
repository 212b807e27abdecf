// Servers of others from Debian's packages: where they are, and what installs them where that is nobody else's business, which is
// where this process is root, as in a container. Elsewhere it says what to install.

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fetchStep, patientApt } from "./fetching.ts";
import { isInstalled } from "./run.ts";

/** The folder with a program, or why there is none. */
export type Found =
  | { readonly folder: string; readonly reason: "" }
  | { readonly folder: null; readonly reason: string };

interface Wanted {
  readonly program: string;
  readonly package: string;
  /** Folders that are not on the PATH. */
  readonly folders: () => readonly string[];
}

const postgresRoot = "/usr/lib/postgresql";

export const postgres: Wanted = {
  program: "initdb",
  package: "postgresql",
  // Debian keeps several versions side by side, and none of them on the PATH.
  folders: () => {
    if (!existsSync(postgresRoot)) return [];
    const versions = readdirSync(postgresRoot).sort((one, other) => Number(other) - Number(one));
    return versions.map((version) => join(postgresRoot, version, "bin"));
  },
};

export const redis: Wanted = { program: "redis-server", package: "redis-server", folders: () => [] };

/** Finds a program, and installs its package if that may be done. */
export async function findOrInstall(wanted: Wanted): Promise<Found> {
  const found = find(wanted);
  if (found !== null) return found;
  const install = ["install", "--no-install-recommends", wanted.package];
  if (process.getuid?.() !== 0 || !isInstalled("apt-get")) {
    return { folder: null, reason: `${wanted.program} is not installed: apt-get ${install.join(" ")}` };
  }
  for (const args of [["update"], [...install, "--yes"]]) {
    const problem = await fetchStep("apt-get", [...patientApt, ...args], {
      env: { DEBIAN_FRONTEND: "noninteractive" },
    });
    if (problem !== null) return { folder: null, reason: problem };
  }
  return find(wanted) ?? { folder: null, reason: `${wanted.package} is installed, but has no ${wanted.program}` };
}

function find({ program, folders }: Wanted): Found | null {
  const path = (process.env.PATH ?? "").split(":").filter((folder) => folder !== "");
  const folder = [...folders(), ...path].find((candidate) => existsSync(join(candidate, program)));
  return folder === undefined ? null : { folder, reason: "" };
}
