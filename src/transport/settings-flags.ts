// Takes the command line apart. Knows which flags there are and which take a value, not what the values mean.

import { parseArgs } from "node:util";
import { addressFlags, flagOf, otherFlags, variables } from "./settings-table.ts";

export interface Flags {
  /** By name, without dashes. What takes no value has "". */
  readonly given: ReadonlyMap<string, string>;
  readonly problems: readonly string[];
}

const bare = Object.entries(otherFlags).flatMap(([flag, { takes }]) => (takes === null ? [flag] : []));
const valued = [...variables.map(flagOf), ...Object.keys(addressFlags), "join"];
const known = new Set([...valued, ...bare]);

const options = Object.fromEntries([
  ...valued.map((flag) => [flag, { type: "string" as const }] as const),
  ...bare.map((flag) => [flag, { type: "boolean" as const, ...(flag === "help" ? { short: "h" } : {}) }] as const),
]);

export function readFlags(argv: readonly string[]): Flags {
  const given = new Map<string, string>();
  const problems: string[] = [];
  // The flag package of Go, which the earlier system used, takes one dash for two.
  const args = argv.map((argument) => (/^-[A-Za-z][^=]/.test(argument) ? `-${argument}` : argument));
  const { tokens } = parseArgs({ args, options, strict: false, allowPositionals: true, tokens: true });
  /** The place of the last unknown flag: what follows it is taken for its value, and not complained about twice. */
  let unknownAt = -2;
  for (const token of tokens) {
    if (token.kind === "option-terminator") continue;
    if (token.kind === "positional") {
      if (token.index !== unknownAt + 1)
        problems.push(`${shown(token.value)}: stray argument; every setting is a --flag`);
      continue;
    }
    const { name } = token;
    if (!known.has(name) || (!token.rawName.startsWith("--") && token.rawName !== "-h")) {
      if (token.index !== unknownAt) problems.push(unknownFlag(argv[token.index] ?? token.rawName));
      unknownAt = token.index;
    } else if (given.has(name)) {
      problems.push(`--${name}: given twice`);
    } else if (bare.includes(name)) {
      const value = token.value ?? "true";
      if (value === "true") given.set(name, "");
      else if (value !== "false") problems.push(`--${name}: takes no value`);
    } else if (token.value === undefined || (!token.inlineValue && /^-\D/.test(token.value))) {
      problems.push(`--${name}: needs a value: --${name}=…`);
    } else {
      given.set(name, token.value);
    }
  }
  return { given, problems };
}

function unknownFlag(argument: string): string {
  const [flag = ""] = argument.split("=", 1);
  const name = flag.replace(/^-+/, "").toLowerCase().replaceAll("_", "-");
  const [nearest] = [...known].map((other) => ({ other, edits: edits(name, other) })).sort((a, b) => a.edits - b.edits);
  const isClose = nearest !== undefined && nearest.edits <= Math.max(1, Math.floor(nearest.other.length / 4));
  return `${shown(flag)}: unknown flag; ${isClose ? `did you mean --${nearest.other}?` : "--help lists all flags"}`;
}

/** As it was written, on one line. */
const shown = (text: string): string => text.slice(0, 80).replace(/\p{C}/gu, "?");

/** The Levenshtein distance, of the first 40 characters. */
function edits(from: string, to: string): number {
  let above = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const [row, letter] of [...from.slice(0, 40)].entries()) {
    const line = [row + 1];
    for (let column = 1; column <= to.length; column += 1) {
      const replaced = (above[column - 1] ?? 0) + (letter === to[column - 1] ? 0 : 1);
      line.push(Math.min(replaced, (above[column] ?? 0) + 1, (line[column - 1] ?? 0) + 1));
    }
    above = line;
  }
  return above[to.length] ?? 0;
}
