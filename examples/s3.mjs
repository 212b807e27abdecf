// A list in an S3 bucket is extended by whoever holds its lock. The first holder is paused just before it writes and loses the lock;
// its write comes too late, and is refused.
//
//   AWS_ENDPOINT_URL=… AWS_REGION=… AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… BUCKET=… node s3.mjs

import { S3 } from "@aws-sdk/client-s3";
import { connect } from "lockmgr";
import { checkS3Conditions, fencedS3Update, readFencedS3 } from "lockmgr/guards";
import { endpoints, play } from "./play.mjs";

const place = { bucket: process.env.BUCKET ?? "lockmgr-example", key: "authors.json" };
const s3 = new S3({ forcePathStyle: true });

await play(import.meta.filename, {
  // A store that ignores conditions would fence nobody, and say nothing.
  before: () => checkS3Conditions(s3, place),

  holder: async ({ who, say, pause }) => {
    const client = await connect(endpoints, { owner: who });
    try {
      await client.withLock("authors", async ({ token, signal }) => {
        say(`holds authors with token ${token}`);
        // All that a holder can know: it is held in this moment.
        signal.throwIfAborted();
        await pause();
        await fencedS3Update(s3, { ...place, token }, (authors) => [...(authors ?? []), who]);
        say("has written");
      });
    } catch (error) {
      if (error.code !== "STALE_TOKEN") throw error;
      say(`is refused: ${error.message}`);
    } finally {
      await client.close();
    }
  },

  after: async () => {
    const { value, token } = await readFencedS3(s3, place);
    console.log(`written by ${value.join(", ")}, last with token ${token}`);
  },
});
