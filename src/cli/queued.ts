// What a command that has to wait tells whoever looks at the terminal.

import type { Queued } from "../client/index.ts";
import type { Call } from "./command.ts";
import { shown } from "./output.ts";

/** Tells once that it waits for `name`, behind whom. */
export function tellQueued({ output }: Call, name: string): (queued: Queued) => void {
  let isTold = false;
  return ({ position, owner }) => {
    if (isTold || output.isJson || process.stderr.isTTY !== true) return;
    isTold = true;
    const held = owner === null ? "" : `, held by ${shown(owner)}`;
    output.note(`waiting for ${shown(name)}: number ${position} in line${held}`);
  };
}
