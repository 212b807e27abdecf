// A command for `run` to run: writes a line at its start, and then the moment of the monotonic clock every few milliseconds,
// so that it can be told afterwards until when it ran. `DEFIES` says what it takes no notice of, or does to itself.

import { openSync, writeSync } from "node:fs";

const [file = "", span = ""] = process.argv.slice(2);
const defies = (process.env.DEFIES ?? "").split(",");
const out = openSync(file, "a");
const note = (what: string) => void writeSync(out, `${what} ${process.hrtime.bigint()}\n`);

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const) {
  process.on(signal, () => {
    note(signal);
    if (defies.includes(signal)) return;
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
note(`start ${process.pid} ${process.env.LOCK_NAME ?? "-"} ${process.env.LOCK_TOKEN ?? "-"}`);
setInterval(() => note("beat"), 5);
if (defies.includes("stop")) process.kill(process.pid, "SIGSTOP");
if (span !== "") setTimeout(() => process.exit(Number(process.env.ENDS_WITH ?? 0)), Number(span));
