// Builds mutants: a copy of what is compiled, in a temporary directory, with one file of the sources changed and compiled
// again. The working copy is only read.

import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Mutant, Report } from "./mutant.ts";

const run = promisify(execFile);

/** Compiled, this file stands in dist/test/sim/mutants. */
const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "..");

/** The text of the mutant's file with the bug in it. Throws if the place of the bug is not there, or not the only one. */
export function mutated({ name, file, search, replace }: Mutant, text = sourceOf(file)): string {
  const places = text.split(search).length - 1;
  if (places !== 1) throw new Error(`${name}: ${file} holds the text to be replaced ${places} times, not once`);
  return text.replace(search, () => replace);
}

const sourceOf = (file: string): string => readFileSync(join(root, "src", file), "utf8");

/** What compiles one file and looks at no other. */
const project = ({ file }: Mutant): object => ({
  extends: "./tsconfig.base.json",
  compilerOptions: { composite: false, noCheck: true, noResolve: true, declaration: false, types: [] },
  files: [`src/${file}`],
});

/** Builds a mutant, has its hunter look for it, and clears up. Types are not checked: a bug need not be well typed. */
export async function hunted(mutant: Mutant): Promise<Report> {
  const text = mutated(mutant);
  const folder = mkdtempSync(join(tmpdir(), `mutant-${mutant.name}-`));
  try {
    for (const path of ["dist/src", "dist/test", "package.json", "tsconfig.base.json"]) {
      cpSync(join(root, path), join(folder, path), { recursive: true });
    }
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    const source = join(folder, "src", mutant.file);
    mkdirSync(dirname(source), { recursive: true });
    writeFileSync(source, text);
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(project(mutant)));
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
    await run(process.execPath, [tsc, "-p", "."], { cwd: folder });
    const program = join(folder, "dist", "test", "sim", "mutants", "hunt.js");
    const { by, seeds, says } = mutant.hunt;
    const { stdout } = await run(process.execPath, [program, by, `${seeds}`, says.source], { maxBuffer: 2 ** 26 });
    return JSON.parse(stdout) as Report;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
