// JSON as clients write and read it.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readJson, writeJson } from "../../../src/transport/clients/json.ts";
import { fc } from "../../fast-check.ts";

const test = suite("transport/clients/json");

const fields = { ownerId: "string", leaseId: "uint64", ttlSeconds: "int64" } as const;
const read = (text: string | Uint8Array) => readJson(Buffer.from(text as string), fields);
const whole = { ownerId: "a", leaseId: 1n, ttlSeconds: -2n };

test("fields are spelt in snake_case or lowerCamelCase, numbers are numbers or strings", () => {
  for (const text of [
    '{"owner_id":"a","lease_id":1,"ttl_seconds":-2}',
    '{"ownerId":"a","leaseId":1,"ttlSeconds":-2}',
    '{"owner_id":"a","leaseId":"1","ttl_seconds":"-2"}',
    '{"owner_id":"a","lease_id":1.0,"ttl_seconds":-2e0}',
    '\ufeff {"owner_id":"a","lease_id":1,"ttl_seconds":-2} \n',
  ]) {
    assert.equal(read(text), whole, text);
  }
});

test("what is missing or null has the default, what is unknown is ignored", () => {
  const empty = { ownerId: "", leaseId: 0n, ttlSeconds: 0n };
  for (const text of [
    "",
    " ",
    "{}",
    '{"owner_id":null,"lease_id":null}',
    '{"unknown":{"a":[1]},"__proto__":{"ownerId":"x"}}',
  ]) {
    assert.equal(read(text), empty, text);
  }
});

test("digits beyond 2^53 survive in a string, and the limits of 64 bits are kept", () => {
  assert.equal((read('{"lease_id":"18446744073709551615"}') as typeof whole).leaseId, 2n ** 64n - 1n);
  assert.equal((read('{"lease_id":"9007199254740993"}') as typeof whole).leaseId, 9007199254740993n);
  assert.ok((read('{"lease_id":9007199254740993}') as typeof whole).leaseId >= 2n ** 53n, "never below");
  assert.match(
    read('{"lease_id":"18446744073709551616"}') as string,
    /lease_id must be from 0 to 18446744073709551615/,
  );
  assert.match(read('{"lease_id":1e300}') as string, /lease_id must be from/);
});

test("everything else is refused with the name of the field", () => {
  const rows: [string | Uint8Array, RegExp][] = [
    ['{"owner_id":1}', /^owner_id must be a string$/],
    ['{"owner_id":{"a":1}}', /^owner_id must be a string$/],
    ['{"lease_id":[1]}', /^lease_id must be a whole number/],
    ['{"lease_id":1.5}', /^lease_id must be a whole number/],
    ['{"lease_id":true}', /^lease_id must be a whole number/],
    ['{"lease_id":1e400}', /^lease_id must be a whole number/],
    ['{"lease_id":"1e3"}', /^lease_id must be a whole number/],
    ['{"lease_id":""}', /^lease_id must be a whole number/],
    ['{"lease_id":"0x10"}', /^lease_id must be a whole number/],
    [`{"lease_id":"${"9".repeat(10_000)}"}`, /^lease_id must be a whole number/],
    ['{"lease_id":NaN}', /^the body is not JSON/],
    ['{"lease_id":1', /^the body is not JSON/],
    ["[]", /^the body must be a JSON object$/],
    ["null", /^the body must be a JSON object$/],
    ['"x"', /^the body must be a JSON object$/],
    ['{"lease_id":1,"leaseId":1}', /^lease_id is given twice, as lease_id and as leaseId$/],
    ["[".repeat(100_000), /^the body is not JSON/],
    [Uint8Array.of(0x22, 0xff, 0x22), /^the body is not valid UTF-8$/],
  ];
  for (const [text, problem] of rows) {
    const result = readJson(Buffer.from(text as string), fields);
    assert.type(result, "string", String(text).slice(0, 50));
    assert.match(result as string, problem);
  }
});

test("whatever is sent, it is read or refused in a sentence", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map((text) => Buffer.from(text)),
      ),
      (bytes) => {
        const result = readJson(bytes, fields);
        return typeof result === "string" ? result.length > 0 : typeof result.leaseId === "bigint";
      },
    ),
  );
  const anything = fc.oneof(fc.jsonValue(), fc.integer(), fc.maxSafeInteger().map(String));
  fc.assert(
    fc.property(fc.record({ owner_id: anything, leaseId: anything, ttl_seconds: anything }), (body) => {
      const result = readJson(Buffer.from(JSON.stringify(body)), fields);
      return (
        typeof result === "string" || (typeof result.ownerId === "string" && typeof result.ttlSeconds === "bigint")
      );
    }),
  );
});

test("answers are written in snake_case with exact digits", () => {
  const message = {
    leaseId: 2n ** 64n - 1n,
    isLeader: true,
    state: 'a"b',
    stats: { fencingCounter: 1n },
    none: undefined,
  };
  assert.is(
    writeJson(message),
    '{"lease_id":18446744073709551615,"is_leader":true,"state":"a\\"b","stats":{"fencing_counter":1}}',
  );
});

test.run();
