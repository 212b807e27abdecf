import { suite } from "uvu";
import * as assert from "uvu/assert";
import { logIndex, term } from "../../src/actors/scalars.ts";
import { encodeInParts, messageBytesMax } from "../../src/transport/peers-wire.ts";

const test = suite("transport/peers-wire");

test("what one turn has to say is cut into messages of bounded size", () => {
  const chunk = (size: number) =>
    ({
      type: "snapshotRequest",
      term: term(1),
      chunk: {
        position: { index: logIndex(1), term: term(1) },
        chunk: 0,
        chunks: 1,
        bytes: new Uint8Array(size),
        checksum: 0,
      },
    }) as const;
  const { messages, tooLarge } = encodeInParts({
    raft: [chunk(600_000), chunk(600_000), chunk(600_000), chunk(2_000_000), chunk(messageBytesMax)],
    requests: [],
    answers: [],
    regional: [],
  });
  assert.is(messages.length, 4);
  assert.is(tooLarge, 1);
});

test.run();
