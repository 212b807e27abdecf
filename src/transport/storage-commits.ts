// Group commit: everything that has queued while one commit ran goes into the next, and is answered after its flush. A commit
// that fails ends it: after a failed flush nobody knows what the page cache holds, so nothing is tried twice.

import type { Job } from "./snapshot-shelf.ts";
import type { StorageDatabase } from "./storage-database.ts";

export interface GroupCommits {
  readonly enqueue: (job: Job) => void;
  readonly count: () => number;
  readonly queued: () => number;
  /** Resolves when everything asked for is durable: true, or has failed: false. */
  readonly stop: () => Promise<boolean>;
}

/** Takes everything that has queued into one commit, one commit at a time. */
export function commitInGroups(database: StorageDatabase, fail: (error: Error) => void): GroupCommits {
  let queue: Job[] = [];
  let running: Promise<void> | null = null;
  let broken = false;
  let count = 0;

  async function run(): Promise<void> {
    // The letters of a turn are read in one go; all of them shall be in the first commit.
    await undefined;
    while (queue.length > 0 && !broken) {
      const jobs = queue;
      queue = [];
      await database.commit((transaction) => {
        for (const job of jobs) job.write(transaction);
      });
      count++;
      for (const job of jobs) job.done();
    }
  }

  function start(): void {
    running = run()
      .catch((error: Error) => {
        broken = true;
        queue = [];
        fail(error);
      })
      .finally(() => {
        running = null;
        if (queue.length > 0) start();
      });
  }

  return {
    enqueue: (job) => {
      if (broken) return;
      queue.push(job);
      if (running === null) start();
    },
    count: () => count,
    queued: () => queue.length,
    stop: async () => {
      while (running !== null) await running;
      return !broken;
    },
  };
}
