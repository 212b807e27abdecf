#!/usr/bin/env node
// `lockmgr`: the command line. Hands the arguments to the command that they name, and ends with its exit code.

import { CommanderError } from "commander";
import { exitCodes, type Failure, failureOf } from "./exit.ts";
import { writeFailure } from "./output.ts";
import { newProgram } from "./program.ts";

const args = process.argv.slice(2);

/** A node reads its own flags, and goes on until it is told to stop. */
async function serve(flags: readonly string[]): Promise<void> {
  process.argv = [...process.argv.slice(0, 2), ...flags];
  await import("../main.ts");
}

async function command(): Promise<void> {
  process.exitCode = exitCodes.done;
  try {
    await newProgram().parseAsync(process.argv);
  } catch (error) {
    const isJson = (args.includes("--") ? args.slice(0, args.indexOf("--")) : args).includes("--json");
    const failure = ofCommander(error) ?? failureOf(error);
    process.exitCode = failure.exitCode;
    if (failure.message !== "") writeFailure(failure, isJson);
  }
  process.exit();
}

/** Help and version were asked for, or the arguments make no sense; null if it is another error. */
function ofCommander(error: unknown): Failure | null {
  if (!(error instanceof CommanderError)) return null;
  if (error.exitCode === 0) return { code: "", message: "", exitCode: exitCodes.done };
  // Without any command commander shows its help, as an error.
  const said = error.code === "commander.help" ? "there is no command" : error.message.replace(/^error: /, "");
  return { code: "USAGE", message: `${said.replaceAll("\n", " ")}; see lockmgr --help`, exitCode: exitCodes.usage };
}

if (args[0] === "serve") await serve(args.slice(1));
else await command();
