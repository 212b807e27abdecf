// Commands about locks: taking and giving back without staying, and looking.

import type { Command } from "commander";
import type { Holder, LockInfo, WaiterInfo } from "../../client/index.ts";
import { acts, argument, type Call, requiredText, spanOf, textOf, wholeNumber } from "../command.ts";
import { withClient } from "../connection.ts";
import { CommandError, exitCodes } from "../exit.ts";
import { addHowHeld, howHeld, ownerAndMetadata } from "../how-held.ts";
import { cut, shown } from "../output.ts";
import { shownSpan, spanMs } from "../spans.ts";

export function addLockCommands(program: Command): void {
  const acquiring = program
    .command("acquire <name...>")
    .description("take a lock, or several at once, for a time of its own; print token and lease; keep nothing running")
    .option("--ttl <span>", "how long it is held unless it is released before", "30s")
    .option("--delay <span>", "how long it stays unavailable if it runs out", "0");
  acts(addHowHeld(acquiring), acquire);
  const releasing = program
    .command("release <name>")
    .description("give back what acquire has taken")
    .option("--lease <id>", "the lease that acquire has printed")
    .option("--token <n>", "the token that acquire has printed");
  acts(releasing, release);
  acts(program.command("check <name>").description("say who holds a lock"), check);
  acts(
    program.command("verify <name> <token>").description("say whether a token is that of a grant that holds now"),
    verify,
  );
  const listing = program
    .command("ls [prefix]")
    .description("list the locks that are held, delayed or waited for")
    .option("--owner <name>", "only those held by this owner")
    .option("--min-age <span>", "only those held for at least so long")
    .option("--limit <n>", "how many at most", "1000");
  acts(listing, list);
  const waiting = program
    .command("waiters <name>")
    .description("list who waits for a lock, in their order")
    .option("--limit <n>", "how many at most", "1000");
  acts(waiting, listWaiters);
}

async function acquire(call: Call): Promise<undefined> {
  const { owner, metadata } = ownerAndMetadata(call);
  const mode = howHeld(call);
  const ttlMs = spanOf(call, "ttl", "--ttl");
  const lockDelayMs = spanOf(call, "delay", "--delay");
  const wanted = call.args.map((_, place) => ({ name: argument(call, place, "the lock's name"), ...mode }));
  const grant = await withClient(call.shared, owner === undefined ? {} : { owner }, (client) =>
    client.acquireDetached(wanted, { ttlMs, lockDelayMs, ...(metadata === undefined ? {} : { metadata }) }),
  );
  call.output.either(grant, () => {
    call.output.line(`token ${grant.token}`);
    call.output.line(`lease ${grant.leaseId}`);
  });
}

async function release(call: Call): Promise<undefined> {
  const name = argument(call, 0, "the lock's name");
  const leaseId = wholeNumber(requiredText(call, "lease", "--lease"), "--lease", { min: 1 });
  const token = wholeNumber(requiredText(call, "token", "--token"), "--token", { min: 1 });
  const how = await withClient(call.shared, {}, (client) => client.releaseGrant({ leaseId, token, name }));
  if (how !== "released") {
    throw new CommandError(
      "NOT_HELD",
      exitCodes.lost,
      `${shown(name)} was not held any more: the grant had ${ended[how]}`,
    );
  }
  call.output.either({ released: true }, () => call.output.line(`${shown(name)} released`));
}

const ended = { expired: "expired", revoked: "been revoked", forced: "been taken by force" } as const;

async function check(call: Call): Promise<undefined> {
  const name = argument(call, 0, "the lock's name");
  const lock = await withClient(call.shared, {}, (client) => client.check(name));
  const { output } = call;
  output.either(lock, () => {
    const { holders, delays, queueLength } = lock;
    const [state, colour] = holders.length > 0 ? (["held", "yellow"] as const) : (["free", "green"] as const);
    const isDelayed = holders.length === 0 && delays.length > 0;
    output.line(
      `${output.paint("bold", shown(name))} is ${isDelayed ? output.paint("red", "delayed") : output.paint(colour, state)}`,
    );
    for (const holder of holders) output.line(`  ${holderLine(holder)}`);
    for (const delay of delays) {
      output.line(
        `  unavailable for ${shownSpan(delay.remainingMs)}: token ${delay.token} of ${shown(delay.owner)} was lost`,
      );
    }
    if (queueLength > 0) output.line(`  ${queueLength} waiting`);
  });
}

function holderLine(holder: Holder): string {
  const parts = [
    `by ${shown(holder.owner)}`,
    modeOf(holder),
    `token ${holder.token}`,
    `lease ${holder.leaseId}`,
    `since ${shownSpan(ageMs(holder))}`,
    `for another ${shownSpan(holder.remainingMs)} unless it is renewed`,
  ];
  if (holder.metadata !== "") parts.push(`"${cut(shown(holder.metadata), 80)}"`);
  if (holder.yielding !== null) parts.push(`asked to give it up: ${shown(holder.yielding.reason)}`);
  return parts.join(", ");
}

export const modeOf = ({ mode, permits }: Holder): string =>
  mode === "semaphore" ? `${permits} ${permits === 1 ? "permit" : "permits"}` : mode;

/** By wall clocks, so for people only. */
export const ageMs = ({ grantedAt }: Holder): number => Math.max(0, Date.now() - grantedAt.getTime());

async function verify(call: Call): Promise<number> {
  const name = argument(call, 0, "the lock's name");
  const token = wholeNumber(argument(call, 1, "the token"), "the token");
  const verdict = await withClient(call.shared, {}, (client) => client.verify(name, token));
  call.output.either(verdict, () =>
    call.output.line(
      verdict.current ? `token ${token} holds ${shown(name)}` : `token ${token} does not hold ${shown(name)}`,
    ),
  );
  return verdict.current ? exitCodes.done : exitCodes.notAcquired;
}

async function list(call: Call): Promise<undefined> {
  const minAge = textOf(call, "minAge");
  const filter = {
    prefix: call.args[0] ?? "",
    limit: wholeNumber(textOf(call, "limit"), "--limit", { min: 1 }),
    ...(textOf(call, "owner") === "" ? {} : { owner: textOf(call, "owner") }),
    ...(minAge === "" ? {} : { minAgeMs: spanMs(minAge, "--min-age") }),
  };
  const locks = await withClient(call.shared, {}, (client) => client.list(filter));
  call.output.either(locks, () => call.output.table(lockHead, locks.map(lockRow)));
}

const lockHead = ["NAME", "HOLDER", "MODE", "TOKEN", "SINCE", "LEFT", "WAITING"];

function lockRow({ name, holders, delays, queueLength }: LockInfo): string[] {
  const [holder, ...others] = holders;
  const waiting = queueLength === 0 ? "" : String(queueLength);
  if (holder === undefined) {
    const [delay] = delays;
    const left = delay === undefined ? "" : shownSpan(delay.remainingMs);
    return [shown(name), delay === undefined ? "" : "(delayed)", "", "", "", left, waiting];
  }
  const more = others.length === 0 ? "" : ` +${others.length}`;
  return [
    shown(name),
    `${cut(shown(holder.owner), 40)}${more}`,
    modeOf(holder),
    String(holder.token),
    shownSpan(ageMs(holder)),
    shownSpan(holder.remainingMs),
    waiting,
  ];
}

async function listWaiters(call: Call): Promise<undefined> {
  const name = argument(call, 0, "the lock's name");
  const limit = wholeNumber(textOf(call, "limit"), "--limit", { min: 1 });
  const waiters = await withClient(call.shared, {}, (client) => client.waiters(name, { limit }));
  call.output.either(waiters, () =>
    call.output.table(
      ["", "OWNER", "MODE", "LEASE", "PRIORITY", "SINCE", "ESTIMATE", "REQUEST"],
      waiters.map((waiter) => waiterRow(waiter, name)),
    ),
  );
}

function waiterRow(
  { position, owner, demands, leaseId, priority, askedAt, estimateMs, request }: WaiterInfo,
  name: string,
): string[] {
  const demand = demands.find(({ lock }) => lock === name);
  const mode =
    demand === undefined ? "" : demand.mode === "semaphore" ? `${demand.permits} of ${demand.limit}` : demand.mode;
  const since = shownSpan(Math.max(0, Date.now() - askedAt.getTime()));
  const estimate = estimateMs === null ? "" : `in ${shownSpan(estimateMs)}`;
  return [String(position), cut(shown(owner), 40), mode, String(leaseId), String(priority), since, estimate, request];
}
