// All commands of the command line, and how it speaks of itself.

import { readFileSync } from "node:fs";
import { Command } from "commander";
import { acts, addShared } from "./command.ts";
import { addLockCommands } from "./commands/locks.ts";
import { addOperatingCommands } from "./commands/operating.ts";
import { addStatusCommand } from "./commands/status.ts";
import { addWatchingCommands } from "./commands/watching.ts";
import { addCompletionCommand } from "./completion.ts";
import { addHowHeld } from "./how-held.ts";
import { run } from "./run/run.ts";
import { addTopCommand } from "./top/top.ts";

const afterwards = `
Spans are written 500ms, 10s, 2m, 1h. Exit codes: 0 done, 11 not acquired (or the answer is no), 20 the lock was
lost, 64 wrong usage, 70 the service failed or cannot be reached; run: that of the command.`;

export function newProgram(): Command {
  const { version } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  const program = addShared(new Command("lockmgr"))
    .description("Locks with fencing tokens: hold them, look at them, look after them.")
    .version(version)
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    // What is wrong is said at one place, in one form.
    .configureOutput({ writeErr: () => undefined })
    .addHelpText("after", afterwards);
  const serving = program
    .command("serve")
    .description("run a node of the service here; takes every setting as a flag: lockmgr serve --help")
    .allowUnknownOption();
  serving.action(() => undefined);
  const running = program
    .command("run <name> [command...]")
    .usage("[options] NAME -- command…")
    .description(
      "hold a lock while a command runs; if the lock is about to be lost, end the command before others have it",
    )
    .option("--wait <span>", "how long to wait for the lock", "30s")
    .option("--ttl <span>", "how long after a failure of this process others wait", "10s")
    .option("--grace <span>", "what the command has between SIGTERM and SIGKILL", "5s")
    .option("--delay <span>", "how long the lock stays unavailable if it is lost", "0");
  acts(addHowHeld(running), run);
  addLockCommands(program);
  addWatchingCommands(program);
  addTopCommand(program);
  addOperatingCommands(program);
  addStatusCommand(program);
  addCompletionCommand(program);
  return program;
}
