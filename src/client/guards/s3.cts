// Fencing for S3 and stores like it: a document that is replaced only by whoever read its last version, and that carries the token
// of the grant under which it was written. Needs no driver of its own: whatever has `getObject` and `putObject` as the AWS SDK's `S3`
// does will do.

import { type FencedBy, staleToken, tokenText } from "./fence.cts";

/** The calls that are needed, as the class `S3` of @aws-sdk/client-s3 has them. */
export interface S3Store {
  getObject(input: { Bucket: string; Key: string }): Promise<S3Object>;
  putObject(input: S3Write): Promise<{ ETag?: string | undefined }>;
}

export interface S3Object {
  readonly ETag?: string | undefined;
  readonly Body?: { transformToString(): Promise<string> } | undefined;
}

export interface S3Write {
  Bucket: string;
  Key: string;
  Body: string;
  ContentType: string;
  Metadata: Record<string, string>;
  IfMatch?: string;
  IfNoneMatch?: string;
}

/** Where a document is. */
export interface S3Place {
  readonly bucket: string;
  readonly key: string;
}

export interface FencedS3Options extends S3Place {
  /** The fencing token of the grant. */
  readonly token: FencedBy["token"];
}

/** What an object that this guard writes holds. */
interface FencedDocument {
  /** The token under which it was written. */
  readonly token: string;
  /**
   * Tells every write from every other. An ETag is a digest of the content: were the same content written twice, under two tokens, a
   * stale holder that has read the first could replace the second.
   */
  readonly write: string;
  readonly value: unknown;
}

interface Version {
  readonly etag: string;
  readonly document: FencedDocument;
}

/** Every failed attempt means that somebody else's write went through. */
const attemptsMax = 20;

/**
 * Replaces the value of a document by what `change` makes of it (`undefined` if there is none yet), and answers the new value. The
 * value is anything that JSON can say. What is too large for it goes under a key of its own that is never written again, and
 * that key into the document. `change` runs again if somebody else was quicker, so it should do nothing but compute.
 *
 * Protects: this one object, from everybody who writes it through this function. Changes happen one after the other; after the first
 * with a greater token, none with a smaller one is made. That holds for as long as the holder is paused, wherever it is paused.
 *
 * Does not protect: other objects; an object that others write or delete without a fence (a document that has been deleted lets
 * any token in); a store that ignores `If-Match` and `If-None-Match` on PUT, as some do: see {@link checkS3Conditions}.
 *
 * @throws LockError `STALE_TOKEN` when the document was written under a greater token; nothing has been written then.
 */
export async function fencedS3Update<Value>(
  store: S3Store,
  { bucket, key, token }: FencedS3Options,
  change: (value: Value | undefined) => Value | Promise<Value>,
): Promise<Value> {
  const mine = tokenText(token);
  const write = crypto.randomUUID();
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const version = await readVersion(store, { bucket, key });
    // The answer to an earlier attempt was lost, or the SDK has repeated it: it has been done.
    if (version?.document.write === write) return version.document.value as Value;
    if (version !== null && BigInt(version.document.token) > BigInt(mine)) {
      throw staleToken({ resource: `${bucket}/${key}`, token }, version.document.token);
    }
    const value = await change(version?.document.value as Value | undefined);
    const put = store.putObject({
      ...asObject({ bucket, key }, { token: mine, write, value }),
      ...(version === null ? { IfNoneMatch: "*" } : { IfMatch: version.etag }),
    });
    if (await isTaken(put)) return value;
  }
  throw new Error(`${bucket}/${key} is written too often by others: ${attemptsMax} attempts were too late`);
}

/** The value of a document, and the token under which it was written; null if there is none. */
export async function readFencedS3<Value>(
  store: S3Store,
  place: S3Place,
): Promise<{ readonly value: Value; readonly token: bigint } | null> {
  const version = await readVersion(store, place);
  if (version === null) return null;
  return { value: version.document.value as Value, token: BigInt(version.document.token) };
}

/**
 * Makes sure that a store refuses a PUT whose condition does not hold, by trying to break one on an object beside the document,
 * `KEY.probe`, which it leaves there. Run it once when a program starts: a store that ignores conditions fences nobody, and
 * says nothing.
 *
 * @throws Error when the store ignores them.
 */
export async function checkS3Conditions(store: S3Store, { bucket, key }: S3Place): Promise<void> {
  const place = { bucket, key: `${key}.probe` };
  const probe = () => asObject(place, { token: "0", write: crypto.randomUUID(), value: "a probe" });
  await store.putObject(probe());
  for (const condition of [{ IfNoneMatch: "*" }, { IfMatch: '"00000000000000000000000000000000"' }]) {
    if (await isTaken(store.putObject({ ...probe(), ...condition }))) {
      throw new Error(`this store ignores ${Object.keys(condition)[0]} on PUT, so nothing in it can be fenced`);
    }
  }
}

/** Whether a PUT went through; false if another version stood in its way. */
async function isTaken(put: Promise<unknown>): Promise<boolean> {
  try {
    await put;
    return true;
  } catch (error) {
    if (isConflict(error)) return false;
    throw error;
  }
}

const asObject = ({ bucket, key }: S3Place, document: FencedDocument): S3Write => ({
  Bucket: bucket,
  Key: key,
  Body: JSON.stringify(document),
  ContentType: "application/json",
  // For people, and for tools that look at objects without reading them.
  Metadata: { "fencing-token": document.token },
});

async function readVersion(store: S3Store, { bucket, key }: S3Place): Promise<Version | null> {
  let object: S3Object;
  try {
    object = await store.getObject({ Bucket: bucket, Key: key });
  } catch (error) {
    if (statusOf(error) === 404 && nameOf(error) !== "NoSuchBucket") return null;
    throw error;
  }
  const document = asDocument((await object.Body?.transformToString()) ?? "");
  if (document === null || object.ETag === undefined) {
    throw new Error(`${bucket}/${key} was not written through this guard: its content has no fencing token`);
  }
  return { etag: object.ETag, document };
}

function asDocument(text: string): FencedDocument | null {
  try {
    const { token, write, value } = JSON.parse(text) as Partial<FencedDocument>;
    if (typeof token !== "string" || !/^\d+$/.test(token) || typeof write !== "string") return null;
    return { token, write, value };
  } catch {
    return null;
  }
}

/** 412: another version is there. 409: another write is under way. 404: the version that was read has been deleted. */
const isConflict = (error: unknown): boolean =>
  [404, 409, 412].includes(statusOf(error) ?? 0) && nameOf(error) !== "NoSuchBucket";

const statusOf = (error: unknown): number | undefined =>
  (error as { $metadata?: { httpStatusCode?: number } } | null)?.$metadata?.httpStatusCode;

const nameOf = (error: unknown): string | undefined => (error as { name?: string } | null)?.name;
