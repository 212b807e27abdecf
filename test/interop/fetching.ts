// Programs that fetch something from elsewhere. What fails may fail for a cause that passes: a registry's hiccup, another process that
// has the package manager's lock. So it is tried again after a while. Once something is not to be had however often it is
// asked for, there is probably no network, and what comes later is asked for once.

import { setTimeout as pause } from "node:timers/promises";
import { type RunOptions, type RunResult, run } from "./run.ts";

const pausesMs = [5_000, 15_000, 45_000];
/** Compiling what was fetched is many minutes on a slow machine. */
const fetchMsMax = 1_800_000;
let isHopeless = false;

/** Runs a program to its end, more than once if it fails. */
export async function runFetching(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const attempt = () => run(command, args, { withinMs: fetchMsMax, ...options });
  let result = await attempt();
  for (const pauseMs of isHopeless ? [] : pausesMs) {
    // A program that is not there will not be there later.
    if (result.code === 0 || result.code === null) return result;
    console.log(`${command} ${args.join(" ")} has failed; once more in ${pauseMs / 1_000} s`);
    await pause(pauseMs);
    result = await attempt();
  }
  isHopeless ||= result.code !== 0;
  return result;
}

/** The same as a step of an installation: null if it went well, else what it said. */
export async function fetchStep(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string | null> {
  const { code, output } = await runFetching(command, args, options);
  return code === 0 ? null : `${command} ${args.join(" ")}\n${output}`;
}

/** What Debian's package manager is told before what it shall do: to wait for others of its kind, and to ask again. */
export const patientApt = ["-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3"] as const;
