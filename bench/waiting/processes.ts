// What the system says of the processes of nodes: how much time of cores they have taken, and how much memory they have.

import { readFileSync } from "node:fs";
import type { NodeProcess } from "../../test/cluster/node-process.ts";

/** A jiffy, as /proc counts them. */
const jiffyMs = 10;

/** The time of cores that these processes have taken since they were started. */
export const cpuMs = (nodes: readonly NodeProcess[]): number =>
  nodes.reduce((sum, { pid }) => {
    // The name of the program stands in brackets and may have spaces.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /, "")
      .split(" ");
    return sum + (Number(fields[11]) + Number(fields[12])) * jiffyMs;
  }, 0);

/** What is resident and no page of a file: heaps and buffers, but not the database, whose pages the system can have back. */
export function anonymousBytes({ pid }: NodeProcess): number {
  const kibibytes = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kibibytes ?? Number.NaN) * 1024;
}
