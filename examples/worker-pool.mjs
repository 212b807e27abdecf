// Jobs that share a machine with four units of room: a semaphore with four permits, of which small jobs take one and large ones two.
// However many processes run this at once, no more than four permits are taken at any moment.
//
//   node worker-pool.mjs

import { setTimeout as work } from "node:timers/promises";
import { connect } from "lockmgr";
import { endpoints } from "./play.mjs";

const limit = 4;
const jobs = Array.from({ length: 12 }, (_, number) => ({ name: `job ${number}`, permits: number % 3 === 0 ? 2 : 1 }));

const client = await connect(endpoints, { owner: "worker-pool" });
let taken = 0;
let most = 0;
try {
  await Promise.all(
    jobs.map(({ name, permits }) =>
      client.withLock("machine", { permits, limit }, async ({ signal }) => {
        taken += permits;
        most = Math.max(most, taken);
        console.log(`${name} takes ${permits}: ${taken} of ${limit} are taken`);
        try {
          // Whatever takes long is given the signal, so that it stops when the permit is lost.
          await work(100, undefined, { signal });
        } finally {
          taken -= permits;
        }
      }),
    ),
  );
} finally {
  await client.close();
}
console.log(`all done; at most ${most} of ${limit} were taken`);
