// Commands that go on until they are interrupted: what happens, and who leads.

import type { Command } from "commander";
import type { Client, EventKind, LockEvent, WatchWish } from "../../client/index.ts";
import { acts, argument, type Call, spanOf, textOf, wholeNumber } from "../command.ts";
import { connectTo, withClient } from "../connection.ts";
import { CommandError, exitCodes, failureOf, usageError } from "../exit.ts";
import { ownerAndMetadata } from "../how-held.ts";
import { catchInterrupts, type EndingSignal, type Interrupts } from "../interrupts.ts";
import { lossOf } from "../loss.ts";
import { type Colour, cut, type Output, shown } from "../output.ts";
import { tellQueued } from "../queued.ts";
import { shownSpan } from "../spans.ts";

export function addWatchingCommands(program: Command): void {
  const watching = program
    .command("watch [name]")
    .description("tell what happens to a lock, to those whose names begin alike, or to all, until interrupted")
    .option("--prefix <text>", "locks whose names begin with this")
    .option("--after <revision>", "go on behind this revision; without it, what is held now comes first");
  acts(watching, watch);
  const electing = program
    .command("elect <name> [value]")
    .description("stand for election, and lead until interrupted; with -l, tell who leads")
    .option("-l, --listen", "do not stand: tell who leads, and every change")
    .option("--ttl <span>", "how long after a failure of this process others wait", "10s")
    .option("--wait <span>", "how long to wait (default: for as long as it takes)")
    .option("--delay <span>", "how long nobody can lead after this process has lost leadership", "0")
    .option("--owner <name>", "whom others see as the leader (default: host/pid)");
  acts(electing, (call) => (call.options.listen === true ? observe(call) : elect(call)));
}

/** A terminal's end of a stream is no failure. */
export const endingSignals: readonly EndingSignal[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/** Runs `use` until it ends or a signal comes: being told to end is how a stream ends well. */
export async function untilInterrupted(
  call: Call,
  use: (client: Client, interrupts: Interrupts) => Promise<void>,
): Promise<undefined> {
  const interrupts = catchInterrupts(endingSignals);
  try {
    await withClient(call.shared, { signal: interrupts.signal }, (client) => use(client, interrupts));
  } catch (error) {
    if (interrupts.first() === null || failureOf(error).code !== "ABORTED") throw error;
  } finally {
    interrupts.stop();
  }
}

function wishOf(call: Call): WatchWish {
  const [name] = call.args;
  const { prefix } = call.options;
  if (name === undefined) return { prefix: typeof prefix === "string" ? prefix : "" };
  if (prefix !== undefined) throw usageError("either a name or --prefix, not both");
  return { lock: argument(call, 0, "the lock's name") };
}

async function watch(call: Call): Promise<undefined> {
  const wish = wishOf(call);
  const after = textOf(call, "after");
  const options = after === "" ? {} : { afterRevision: wholeNumber(after, "--after") };
  const { output } = call;
  return untilInterrupted(call, async (client, { signal }) => {
    for await (const event of client.watch(wish, { ...options, signal })) {
      output.either(event, () => output.line(eventLine(event, output)));
    }
  });
}

const colours: Partial<Record<EventKind, Colour>> = {
  present: "dim",
  granted: "green",
  expired: "red",
  revoked: "red",
  forced: "red",
  delayed: "yellow",
  "yield-asked": "yellow",
};

function eventLine(event: LockEvent, output: Output): string {
  const { kind, lock, owner, token, text, spanMs, queueLength, revision } = event;
  const colour = colours[kind];
  const padded = kind.padEnd(11);
  const parts = [
    String(revision).padStart(6),
    colour === undefined ? padded : output.paint(colour, padded),
    output.paint("bold", shown(lock)),
  ];
  if (token > 0) parts.push(`token ${token}`);
  if (owner !== "") parts.push(shown(owner));
  if (spanMs > 0) parts.push(`for ${shownSpan(spanMs)}`);
  if (text !== "") parts.push(`"${cut(shown(text), 80)}"`);
  if (queueLength > 0) parts.push(`${queueLength} waiting`);
  return parts.join("  ");
}

async function observe(call: Call): Promise<undefined> {
  const name = argument(call, 0, "the election's name");
  if (call.args.length > 1) throw usageError("with -l there is no value to give");
  const { output } = call;
  return untilInterrupted(call, async (client, { signal }) => {
    for await (const leader of client.observe(name, { signal })) {
      output.either({ leader }, () =>
        output.line(
          leader === null
            ? output.paint("yellow", "nobody leads")
            : `${output.paint("bold", shown(leader.value))}  token ${leader.token}  ${shown(leader.owner)}`,
        ),
      );
    }
  });
}

/** Ends well when it is told to end, whether it leads or still waits. */
async function elect(call: Call): Promise<undefined> {
  const name = argument(call, 0, "the election's name");
  const value = call.args[1];
  if (value === undefined) throw usageError("there is no value to proclaim: lockmgr elect NAME VALUE, or -l to listen");
  const { owner } = ownerAndMetadata(call);
  const ttlMs = spanOf(call, "ttl", "--ttl");
  const lockDelayMs = spanOf(call, "delay", "--delay");
  const wait = textOf(call, "wait") === "" ? {} : { waitMs: spanOf(call, "wait", "--wait") };
  const interrupts = catchInterrupts(endingSignals);
  const { signal } = interrupts;
  let client: Client | null = null;
  try {
    client = await connectTo(call.shared, { ttlMs, signal, ...(owner === undefined ? {} : { owner }) });
    const leadership = await client.elect(name, {
      value,
      lockDelayMs,
      signal,
      onQueued: tellQueued(call, name),
      ...wait,
    });
    call.output.either({ leading: true, election: name, value, token: leadership.token }, () =>
      call.output.line(`leading ${shown(name)} with token ${leadership.token}`),
    );
    await firstOf([signal, leadership.signal]);
    if (leadership.signal.aborted) {
      const why = lossOf(leadership.lock) ?? "lost";
      throw new CommandError("LOST", exitCodes.lost, `does not lead ${shown(name)} any more: ${why}`);
    }
    await leadership.resign();
  } catch (error) {
    if (interrupts.first() === null || failureOf(error).code !== "ABORTED") throw error;
  } finally {
    await client?.close();
    interrupts.stop();
  }
}

const firstOf = (signals: readonly AbortSignal[]): Promise<void> =>
  new Promise((resolve) => {
    for (const signal of signals) {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    }
  });
