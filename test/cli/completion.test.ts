import { execFileSync, spawnSync } from "node:child_process";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { command } from "./commands.ts";

const scriptOf = async (shell: string) => (await command(["completion", shell])).stdout;
const isInstalled = (shell: string) => spawnSync(shell, ["--version"]).error === undefined;

const test = suite("cli/completion");

/** What bash offers for a line whose last word is being typed. */
async function offered(...words: string[]): Promise<string[]> {
  const script = `${await scriptOf("bash")}
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _lockmgr; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync("bash", ["-c", script, "bash", ...words], { encoding: "utf8" })
    .split("\n")
    .filter((word) => word !== "");
}

test("bash completes commands, the commands of commands, and options", async () => {
  assert.equal(await offered("lockmgr", "re"), ["release"]);
  assert.equal(await offered("lockmgr", "lease", ""), [
    "ls",
    "revoke",
    "--endpoints",
    "--json",
    "--version",
    "-V",
    "--help",
  ]);
  assert.equal(await offered("lockmgr", "run", "x", "--w"), ["--wait"]);
  assert.equal(await offered("lockmgr", "lease", "ls", "--o"), ["--owner"]);
});

test("bash takes the value of an option for no command, and completes none", async () => {
  assert.equal(await offered("lockmgr", "--endpoints", "run", "rel"), ["release"]);
  assert.equal(await offered("lockmgr", "run", "--wait", ""), []);
});

test("bash completes the command behind --", async () => {
  assert.ok((await offered("lockmgr", "run", "x", "--", "bas")).includes("bash"));
});

for (const shell of ["zsh", "fish"]) {
  if (!isInstalled(shell)) console.log(`NOT TESTED: ${shell} is not installed, so that it has not read its script`);
  else {
    test(`${shell} can read its script`, async () => {
      const { status, stderr } = spawnSync(shell, ["-n"], { input: await scriptOf(shell), encoding: "utf8" });
      assert.equal([status, stderr], [0, ""]);
    });
  }
}

test("the scripts of all shells know every command", async () => {
  const commands = (await offered("lockmgr", "")).filter((word) => !word.startsWith("-"));
  assert.ok(commands.length > 15);
  for (const shell of ["zsh", "fish"]) {
    const script = await scriptOf(shell);
    for (const each of commands) assert.match(script, new RegExp(`\\b${each}\\b`), `${shell}: ${each}`);
  }
});

test("every line of fish's script is a whole command, whatever the descriptions say", async () => {
  for (const line of (await scriptOf("fish")).trimEnd().split("\n")) {
    const quotes = line.replace(/\\\\|\\'/g, "").match(/'/g)?.length ?? 0;
    assert.is(quotes % 2, 0, line);
  }
});

test.run();
