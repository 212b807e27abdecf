// Programs of their own, which use the SDK as it is compiled: what they say, and when they go on.

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

export interface Program {
  readonly child: ChildProcess;
  /** The next line that it says. */
  readonly next: () => Promise<string>;
  /** Lets it go on behind `untilTold()`. */
  readonly tell: () => void;
}

/** Runs a program with `client`; with `say(word…)`; and with `untilTold()`, which blocks its event loop until it is told to go on. It
 *  is ended afterwards. */
export async function withProgram(
  { endpoints, options, body }: { endpoints: string | readonly string[]; options: object; body: string },
  use: (program: Program) => Promise<void>,
): Promise<void> {
  const sdk = new URL("../../src/client/index.js", import.meta.url).href;
  const source = `
    import { readSync } from "node:fs";
    import { connect } from ${JSON.stringify(sdk)};
    const say = (...words) => process.stdout.write(words.join(" ") + "\\n");
    const untilTold = () => readSync(0, Buffer.alloc(1));
    const client = await connect(${JSON.stringify(endpoints)}, ${JSON.stringify(options)});
    ${body}
    await client.close();`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", source], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => String((await lines.next()).value);
  try {
    await use({ child, next, tell: () => void child.stdin.write(".") });
  } finally {
    child.kill("SIGKILL");
  }
}
