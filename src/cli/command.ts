// What all commands have in common: the options of the whole program, how a command is given what was typed, and how its
// exit code comes out.

import { type Command, Option } from "commander";
import { endpointsStandard, type Shared } from "./connection.ts";
import { usageError } from "./exit.ts";
import { newOutput, type Output } from "./output.ts";
import { spanMs } from "./spans.ts";

/** What a command is called with. Options are as they were typed: texts, or true. */
export interface Call {
  readonly shared: Shared;
  readonly output: Output;
  readonly args: readonly string[];
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
}

/** Resolves with an exit code; with nothing if all is well. */
export type Act = (call: Call) => Promise<number | undefined>;

export const addShared = (program: Command): Command =>
  program
    .addOption(
      new Option("--endpoints <list>", "nodes to speak to, as host:port,…")
        .env("LOCKMGR_ENDPOINTS")
        .default(endpointsStandard),
    )
    .option("--json", "write JSON: one document, or one to a line where there are many");

export function acts(command: Command, act: Act): Command {
  return command.action(async () => {
    const options = command.optsWithGlobals<Call["options"] & Shared>();
    const output = newOutput({ isJson: options.json === true });
    process.exitCode = (await act({ shared: options, output, args: command.args, options })) ?? 0;
  });
}

/** The text of an option; "" if it was not given. */
export const textOf = ({ options }: Call, name: string): string => {
  const value = options[name];
  return typeof value === "string" ? value : "";
};

/** The option that must be there. */
export function requiredText(call: Call, name: string, flag: string): string {
  const text = textOf(call, name);
  if (text === "") throw usageError(`${flag} is needed`);
  return text;
}

export const spanOf = (call: Call, name: string, flag: string): number => spanMs(textOf(call, name), flag);

/** A whole number that was typed. */
export function wholeNumber(text: string, what: string, { min = 0 }: { readonly min?: number } = {}): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < min) {
    throw usageError(
      `${what} must be a whole number${min > 0 ? ` of at least ${min}` : ""}, not "${text.slice(0, 40)}"`,
    );
  }
  return value;
}

/** The argument that must be there. */
export function argument({ args }: Call, place: number, what: string): string {
  const text = args[place];
  if (text === undefined || text === "") throw usageError(`${what} must not be empty`);
  return text;
}
