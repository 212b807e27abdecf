// The table of docs/MUTATIONS.md: which mutant is found by whom, after how many seeds, and what is said.

import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { mutants } from "./all.ts";
import { isContract, type Mutant, type Report } from "./mutant.ts";

/** Compiled, this file stands in dist/test/sim/mutants. */
const document = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "..", "docs", "MUTATIONS.md");

const marks = { begin: "<!-- table -->", end: "<!-- end of table -->" } as const;

const byOf: Readonly<Record<string, string>> = {
  seeds: "drawn plans",
  storm: "storm of elections",
  queues: "plans with queues",
  liveness: "liveness mode",
};

/** A contract without its folder and ending. */
const nameOf = (contract: string): string => contract.replace(/^test\/(?:sim\/contracts\/)?(.*)\.test\.ts$/, "$1");

/** What was said, without what was seen. */
const ruleOf = (message: string): string => {
  const [, brokeDown] = /^an actor broke down: \w+ of \w+: (.*)$/s.exec(message) ?? [];
  if (brokeDown !== undefined)
    return `an actor stops: ${(brokeDown.split("\n")[0] ?? "").replace(/ \(\w{16} here.*/, "")}`;
  return message.split(": ")[0] as string;
};

const row = ([{ name, bug, hunt }, { seed, message }]: readonly [Mutant, Report]): string => {
  const by = byOf[hunt.by] ?? (isContract(hunt.by) ? `contract \`${nameOf(hunt.by)}\`` : `story \`${hunt.by}\``);
  return `| \`${name}\` | ${bug} | ${by} | ${seed ?? "missed"} | ${hunt.seeds} | ${ruleOf(message)} |`;
};

/** Puts the rows between the marks of the document. Of what was not hunted the row stays as it is. */
export function writeTable(results: readonly (readonly [Mutant, Report])[]): void {
  const text = readFileSync(document, "utf8");
  const [before, rest = ""] = text.split(marks.begin) as [string, string?];
  const [former, after = ""] = rest.split(marks.end) as [string, string?];
  const head = [
    "| mutant | the bug | found by | at seed | allowed | what is said to be broken |",
    "|---|---|---|--:|--:|---|",
  ];
  const rows = new Map([...former.matchAll(/^\| `([\w-]+)` \|.*$/gm)].map(([line, name]) => [name, line]));
  for (const result of results) rows.set(result[0].name, row(result));
  const table = [...head, ...mutants.flatMap(({ name }) => rows.get(name) ?? [])].join("\n");
  writeFileSync(document, `${before}${marks.begin}\n${table}\n${marks.end}${after}`);
}

/** The names in the table as it stands. */
export const namesInTable = (): string[] =>
  [...readFileSync(document, "utf8").matchAll(/^\| `([\w-]+)` \|/gm)].map(([, name]) => name as string);
