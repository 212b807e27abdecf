// Whatever a client asks and is not refused can be sent on to the node that leads: a letter that could not be written would stop
// the node.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { logIndex, millis, requestId } from "../../../src/actors/scalars.ts";
import {
  type FieldSchema,
  type MessageSchema,
  type Scalar,
  schemas,
} from "../../../src/transport/clients/native-http-schema.ts";
import { type NativeMethod, newNativeMethods } from "../../../src/transport/clients/native-methods.ts";
import { decodeParcel, encodeParcel } from "../../../src/transport/codec-peer.ts";
import { fc } from "../../fast-check.ts";
import { arrivedAt, openDesk, withRegions } from "./native-desk.ts";

const test = suite("transport/clients/native-forwarding");

/** What is right, what is just so, and what is not. */
const words = ["a", "order/42", "", "ü🔒", "12", "b3JkZXI", "\ud800", "x".repeat(600)];
const large = [0n, 7n, 5_000n, 1n, 2n ** 52n, 2n ** 52n + 9n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n];
const small = [0, 1, 2, 100, 1_000, 2 ** 31, 2 ** 32 - 1];
const scalars: Readonly<Record<Scalar, fc.Arbitrary<unknown>>> = {
  string: fc.constantFrom(...words),
  bool: fc.boolean(),
  uint32: fc.constantFrom(...small),
  int32: fc.constantFrom(...small),
  double: fc.double(),
  int64: fc.constantFrom(...large),
  uint64: fc.constantFrom(...large),
};

const fieldOf = ({ kind, isRepeated }: FieldSchema): fc.Arbitrary<unknown> => {
  const one =
    kind.type === "message"
      ? messageOf(kind.of)
      : kind.type === "enum"
        ? fc.constantFrom(...kind.of.values.map(({ number }) => number))
        : scalars[kind.type];
  return isRepeated ? fc.array(one, { minLength: 1, maxLength: 2 }) : one;
};

/** A message as the generated code has it. */
function messageOf({ fields }: MessageSchema): fc.Arbitrary<Record<string, unknown>> {
  const shape: Record<string, fc.Arbitrary<unknown>> = {};
  for (const field of fields) if (field.oneof === null) shape[field.property] = fieldOf(field);
  for (const choice of new Set(fields.map(({ oneof }) => oneof))) {
    if (choice === null) continue;
    const cases = fields.filter(({ oneof }) => oneof === choice);
    shape[choice] = fc.oneof(
      ...cases.map((field) => fieldOf(field).map((value) => ({ $case: field.property, value }))),
    );
  }
  return fc.record(shape);
}

for (const [where, settings] of [
  ["one region", {}],
  ["several regions", withRegions()],
] as const) {
  test(`what is not refused is understood by the node that leads, as it was asked (${where})`, () => {
    const rows = Object.values(newNativeMethods(openDesk(settings).desk)) as unknown as NativeMethod<object, object>[];
    for (const { name, toOperation } of rows) {
      const [service = "", method] = name.split("/");
      const schema = schemas().message(`${service.slice(0, service.lastIndexOf("."))}.${method}Request`);
      let sent = 0;
      const sendOn = (request: object): void => {
        const operation = toOperation(request, arrivedAt);
        if (operation.type === "fault") return;
        sent += 1;
        const known = { requestId: requestId("r"), bornAt: logIndex(0), bytes: 10, budget: millis(1_000), sending: 1 };
        const bytes = encodeParcel({ raft: [], requests: [{ ...known, operation }], answers: [], regional: [] });
        assert.equal(decodeParcel(bytes).requests[0]?.operation, operation);
      };
      fc.assert(fc.property(messageOf(schema), sendOn), { numRuns: 1_500 });
      if (where === "one region") assert.ok(sent > 0, `${name} is never sent on`);
    }
  });
}

test.run();
