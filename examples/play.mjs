// The story of a paused holder, as all these examples play it: a first process takes the lock and stops, as if its machine had
// been suspended; a second one gets the lock when the first has not renewed it in time; then the first wakes up, and goes on
// with the very next step, for nothing has told it that it was away.

import { fork } from "node:child_process";

/** Where the service is: `host:port`, several separated by commas. */
export const endpoints = (process.env.LOCKMGR_ENDPOINTS ?? "localhost:9090").split(",");

/**
 * Runs `program` in two processes more. In those `holder` is called with `who` ("first" or "second"), `say` (prints a line) and
 * `pause` (stops the first one); in this one `before` is called, and at the end `after`.
 */
export async function play(program, { before, holder, after }) {
  const [who] = process.argv.slice(2);
  if (who !== undefined) {
    const say = (line) => console.log(`${who.padEnd(6)}  ${line}`);
    return holder({ who, say, pause: () => (who === "first" ? stop(say) : undefined) });
  }
  await before?.();
  const first = start(program, "first");
  await first.said("paused");
  const second = start(program, "second");
  await second.ended;
  first.process.kill("SIGCONT");
  await first.ended;
  await after?.();
}

/** Stops this process, all its threads included, until somebody continues it. */
async function stop(say) {
  say("stops, as if its machine were suspended");
  await new Promise((resolve) => process.send("paused", resolve));
  process.kill(process.pid, "SIGSTOP");
  say("goes on, and knows nothing of the time between");
}

function start(program, who) {
  const child = fork(program, [who]);
  process.once("exit", () => child.kill("SIGKILL"));
  const ended = new Promise((resolve, reject) => {
    child.once("exit", (code) => (code === 0 ? resolve() : reject(new Error(`${who} ended with ${code}`))));
  });
  const said = (word) =>
    Promise.race([new Promise((resolve) => child.on("message", (message) => message === word && resolve())), ended]);
  return { process: child, ended, said };
}

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
