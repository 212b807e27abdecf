// Entries of the log and what else a node keeps about its log ↔ bytes. The field comments of proto/lockmgr/log/v1 say what
// the bytes mean. A command of a kind that this version does not know is an error: it must never be skipped.

import type { Command, Entry, HardState } from "../actors/messages.ts";
import { type LogIndex, nodeId, requestId } from "../actors/scalars.ts";
import { regionCommandFromWire, regionCommandToWire } from "./codec-region.ts";
import { fromWire, reading, toWire, UnknownEntryError, UnknownKindError, unknownKind } from "./codec-wire.ts";
import { writeFromWire, writeToWire } from "./codec-write.ts";
import * as wire from "./generated/lockmgr/log/v1/log.ts";

export { MalformedError, UnknownEntryError, UnknownKindError } from "./codec-wire.ts";

function commandToWire(command: Command): NonNullable<wire.Entry["command"]> {
  switch (command.type) {
    case "noop":
      return { $case: "noop", value: {} };
    case "write":
      return {
        $case: "write",
        value: {
          requestId: command.requestId,
          bornAt: toWire(command.bornAt),
          operation: writeToWire(command.write),
        },
      };
    case "expire":
      return {
        $case: "expire",
        value: { lease: toWire(command.lease), renewals: toWire(command.renewals), term: toWire(command.term) },
      };
    case "alarm":
      return { $case: "alarm", value: { alarm: command.alarm, term: toWire(command.term) } };
    default:
      return regionCommandToWire(command);
  }
}

function commandFromWire(command: wire.Entry["command"]): Command {
  if (command === undefined) return unknownKind("command");
  switch (command.$case) {
    case "noop":
      return { type: "noop" };
    case "write": {
      const { requestId: request, bornAt, operation } = command.value;
      if (operation === undefined) return unknownKind("write");
      return {
        type: "write",
        requestId: requestId(request),
        bornAt: fromWire(bornAt),
        write: writeFromWire(operation),
      };
    }
    case "expire": {
      const { lease, renewals, term } = command.value;
      return { type: "expire", lease: fromWire(lease), renewals: fromWire(renewals), term: fromWire(term) };
    }
    case "alarm":
      return { type: "alarm", alarm: command.value.alarm, term: fromWire(command.value.term) };
    default:
      return regionCommandFromWire(command);
  }
}

export const entryToWire = (entry: Entry): wire.Entry => ({
  index: toWire(entry.index),
  term: toWire(entry.term),
  command: commandToWire(entry.command),
});

export function entryFromWire({ index, term, command }: wire.Entry): Entry {
  try {
    return { index: fromWire(index), term: fromWire(term), command: commandFromWire(command) };
  } catch (error) {
    if (error instanceof UnknownKindError) throw new UnknownEntryError(`entry ${index}: ${error.message}`);
    throw error;
  }
}

export const encodeEntry = (entry: Entry): Uint8Array => wire.Entry.encode(entryToWire(entry)).finish();

export const decodeEntry = (bytes: Uint8Array): Entry =>
  reading("entry", () => entryFromWire(wire.Entry.decode(bytes)));

export const encodeHardState = ({ term, votedFor }: HardState): Uint8Array =>
  wire.HardState.encode({ term: toWire(term), votedFor: votedFor ?? undefined }).finish();

export const decodeHardState = (bytes: Uint8Array): HardState =>
  reading("hard state", () => {
    const { term, votedFor } = wire.HardState.decode(bytes);
    return { term: fromWire(term), votedFor: votedFor === undefined ? null : nodeId(votedFor) };
  });

/** Between which indexes the log on disk lies. */
export interface LogBounds {
  readonly first: LogIndex;
  readonly last: LogIndex;
}

export const encodeLogBounds = ({ first, last }: LogBounds): Uint8Array =>
  wire.LogBounds.encode({ first: toWire(first), last: toWire(last) }).finish();

export const decodeLogBounds = (bytes: Uint8Array): LogBounds =>
  reading("bounds of the log", () => {
    const { first, last } = wire.LogBounds.decode(bytes);
    return { first: fromWire(first), last: fromWire(last) };
  });
