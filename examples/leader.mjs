// Two processes want to lead. The first one leads, is paused, and loses its leadership to the second; when it wakes up, its first look
// at its signal tells it so, before any message has come. Whoever is interested hears of each leader.
//
//   node leader.mjs

import { connect } from "lockmgr";
import { endpoints, play } from "./play.mjs";

const election = "scheduler";
let observing;

await play(import.meta.filename, {
  // Nobody leads before the observer has been told who does.
  before: () =>
    new Promise((resolve) => {
      observing = tellLeaders(resolve);
    }),

  holder: async ({ who, say, pause }) => {
    const client = await connect(endpoints, { owner: who });
    try {
      const leadership = await client.elect(election, { value: `${who} is getting ready` });
      say(`leads with token ${leadership.token}`);
      await leadership.proclaim(`${who} is at http://${who}.example`);
      await pause();
      if (leadership.signal.aborted) say(`leads no more: ${leadership.signal.reason.message}`);
      else say("has done its work, and resigns");
      // Does nothing if it is lost: what came of it stands in the answer.
      await leadership.resign();
    } finally {
      await client.close();
    }
  },

  after: () => observing,
});

/** Tells who leads, until the second one has stepped down. Calls `begun` as soon as it knows. */
async function tellLeaders(begun) {
  const client = await connect(endpoints, { owner: "observer" });
  let last = null;
  try {
    for await (const leader of client.observe(election)) {
      console.log(leader === null ? "nobody leads" : `leader: ${leader.owner}, who says: ${leader.value}`);
      begun();
      if (leader === null && last?.owner === "second") return;
      last = leader;
    }
  } finally {
    await client.close();
  }
}
