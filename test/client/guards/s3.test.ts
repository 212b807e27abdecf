import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkS3Conditions, fencedS3Update, readFencedS3, type S3Write } from "../../../src/client/guards/index.cts";
import { errorOf } from "./refusals.ts";

const place = { bucket: "b", key: "report-7" };

class Status extends Error {
  readonly $metadata: { readonly httpStatusCode: number };
  constructor(httpStatusCode: number, name: string) {
    super(name);
    this.name = name;
    this.$metadata = { httpStatusCode };
  }
}

/** A store that keeps conditions as S3 does; an ETag is a function of the content alone, as there. */
function memoryStore({ ignores = [] as readonly string[] } = {}) {
  const objects = new Map<string, string>();
  const puts: S3Write[] = [];
  const etagOf = (content: string) => `"${content.length}-${content}"`;
  /** Called before each PUT is judged. */
  const before: { put: (write: S3Write) => void } = { put: () => undefined };
  return {
    objects,
    puts,
    before,
    getObject: async ({ Key }: { Bucket: string; Key: string }) => {
      const content = objects.get(Key);
      if (content === undefined) throw new Status(404, "NoSuchKey");
      return { ETag: etagOf(content), Body: { transformToString: async () => content } };
    },
    putObject: async (write: S3Write) => {
      before.put(write);
      puts.push(write);
      const content = objects.get(write.Key);
      if (write.IfNoneMatch !== undefined && !ignores.includes("IfNoneMatch") && content !== undefined) {
        throw new Status(412, "PreconditionFailed");
      }
      if (write.IfMatch !== undefined && !ignores.includes("IfMatch")) {
        if (content === undefined) throw new Status(404, "NoSuchKey");
        if (write.IfMatch !== etagOf(content)) throw new Status(412, "PreconditionFailed");
      }
      objects.set(write.Key, write.Body);
      return { ETag: etagOf(write.Body) };
    },
  };
}

const append = (word: string) => (words: readonly string[] | undefined) => [...(words ?? []), word];

const test = suite("client/guards/s3");

test("the first write creates, later ones replace exactly what they have read", async () => {
  const store = memoryStore();
  await fencedS3Update(store, { ...place, token: 1 }, append("one"));
  await fencedS3Update(store, { ...place, token: 2 }, append("two"));
  assert.equal(await readFencedS3(store, place), { value: ["one", "two"], token: 2n });
  assert.equal(
    store.puts.map(({ IfNoneMatch, IfMatch }) => [IfNoneMatch, typeof IfMatch]),
    [
      ["*", "undefined"],
      [undefined, "string"],
    ],
  );
  assert.equal(store.puts[1]?.Metadata, { "fencing-token": "2" });
});

test("a token smaller than the document's is refused, and nothing is written", async () => {
  const store = memoryStore();
  await fencedS3Update(store, { ...place, token: 10 }, append("ten"));
  const error = await errorOf(fencedS3Update(store, { ...place, token: 9 }, append("nine")));
  assert.equal(
    [error.code, error.message],
    ["STALE_TOKEN", 'the fencing token 9 of "b/report-7" is stale: 10 has been seen'],
  );
  assert.is(store.puts.length, 1);
});

test("a holder that is paused between its read and its write is refused, though the content is what it has read", async () => {
  const store = memoryStore();
  await fencedS3Update(store, { ...place, token: 1 }, () => "same");
  const error = await errorOf(
    fencedS3Update(store, { ...place, token: 1 }, async (value) => {
      // The next holder writes the very same value meanwhile. Once: what `change` computes is computed again.
      await fencedS3Update(store, { ...place, token: 2 }, () => "same");
      return `${value}, and more`;
    }),
  );
  assert.is(error.code, "STALE_TOKEN");
  assert.equal(await readFencedS3(store, place), { value: "same", token: 2n });
});

test("whoever was overtaken by an earlier holder's last write computes anew from it", async () => {
  const store = memoryStore();
  await fencedS3Update(store, { ...place, token: 1 }, append("one"));
  let overtaken = false;
  await fencedS3Update(store, { ...place, token: 2 }, async (words: readonly string[] | undefined) => {
    if (!overtaken) await fencedS3Update(store, { ...place, token: 1 }, append("late"));
    overtaken = true;
    return append("two")(words);
  });
  assert.equal((await readFencedS3(store, place))?.value, ["one", "late", "two"]);
});

test("a write whose answer was lost is not made twice", async () => {
  const store = memoryStore();
  await fencedS3Update(store, { ...place, token: 1 }, append("one"));
  // The driver repeats what was done already, and is told 412.
  store.before.put = (write) => void store.objects.set(write.Key, write.Body);
  await fencedS3Update(store, { ...place, token: 1 }, append("two"));
  assert.equal((await readFencedS3(store, place))?.value, ["one", "two"]);
});

test("a document that others keep writing is given up loudly", async () => {
  const store = memoryStore();
  store.before.put = () =>
    void store.objects.set(place.key, JSON.stringify({ token: "1", write: crypto.randomUUID() }));
  const error = await errorOf(fencedS3Update(store, { ...place, token: 1 }, () => 1));
  assert.match(error.message, /20 attempts/);
});

test("an object without a token is not overwritten", async () => {
  const store = memoryStore();
  store.objects.set(place.key, "{}");
  const error = await errorOf(fencedS3Update(store, { ...place, token: 1 }, () => 1));
  assert.match(error.message, /no fencing token/);
  assert.is(store.objects.get(place.key), "{}");
});

test("errors of the store are the caller's", async () => {
  const store = memoryStore();
  store.before.put = () => {
    throw new Status(403, "AccessDenied");
  };
  const error = await errorOf(fencedS3Update(store, { ...place, token: 1 }, () => 1));
  assert.is(error.name, "AccessDenied");
});

test("a store that keeps conditions passes the check; one that ignores either of them does not", async () => {
  const store = memoryStore();
  await checkS3Conditions(store, place);
  await checkS3Conditions(store, place);
  assert.equal([...store.objects.keys()], ["report-7.probe"]);
  for (const condition of ["IfMatch", "IfNoneMatch"]) {
    const error = await errorOf(checkS3Conditions(memoryStore({ ignores: [condition] }), place));
    assert.match(error.message, new RegExp(`ignores ${condition} on PUT`));
  }
});

test.run();
