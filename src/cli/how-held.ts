// The options that say how a lock is to be held; equal for all commands that take one.

import type { Command } from "commander";
import type { ModeOptions } from "../client/index.ts";
import { type Call, textOf, wholeNumber } from "./command.ts";
import { usageError } from "./exit.ts";

export const addHowHeld = (command: Command): Command =>
  command
    .option("--shared", "hold it together with others that hold it shared")
    .option("-n, --permits <n>", "hold it as a semaphore: how many permits to take; needs --limit")
    .option("--limit <n>", "how many permits there are; equal for all who use the lock")
    .option("--owner <name>", "whom others see as the holder (default: host/pid)")
    .option("--metadata <text>", "what the grant says of itself to whoever looks");

export function howHeld(call: Call): ModeOptions {
  const [permits, limit] = [textOf(call, "permits"), textOf(call, "limit")];
  if (permits === "" && limit === "") return call.options.shared === true ? { mode: "shared" } : { mode: "exclusive" };
  if (call.options.shared === true) throw usageError("--shared does not go with -n and --limit");
  if (limit === "") throw usageError("-n needs --limit: how many permits there are");
  return {
    mode: "semaphore",
    permits: permits === "" ? 1 : wholeNumber(permits, "-n", { min: 1 }),
    limit: wholeNumber(limit, "--limit", { min: 1 }),
  };
}

/** Only what was given. */
export const ownerAndMetadata = (call: Call): { readonly owner?: string; readonly metadata?: string } => ({
  ...(textOf(call, "owner") === "" ? {} : { owner: textOf(call, "owner") }),
  ...(textOf(call, "metadata") === "" ? {} : { metadata: textOf(call, "metadata") }),
});
