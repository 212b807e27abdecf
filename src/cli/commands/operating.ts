// Commands for whoever looks after the service: leases, locks that are stuck, the state of the nodes.

import type { Command } from "commander";
import { acts, argument, type Call, requiredText, spanOf, textOf, wholeNumber } from "../command.ts";
import { withClient } from "../connection.ts";
import { CommandError, exitCodes } from "../exit.ts";
import { cut, shown } from "../output.ts";
import { shownSpan } from "../spans.ts";

export function addOperatingCommands(program: Command): void {
  const lease = program.command("lease").description("list and end leases");
  const listing = lease
    .command("ls")
    .description("list the leases that are live")
    .option("--owner <name>", "only those of this owner")
    .option("--limit <n>", "how many at most", "1000");
  acts(listing, listLeases);
  acts(lease.command("revoke <id>").description("end a lease, with all that it holds and waits for"), revokeLease);
  acts(
    program.command("cancel <request>").description("end a wait, by its request as waiters shows it"),
    async (call) => {
      const request = argument(call, 0, "the request");
      await withClient(call.shared, {}, (client) => client.cancelWait(request));
      call.output.either({ cancelled: request }, () => call.output.line(`${shown(request)} waits no more`));
    },
  );
  const forcing = program
    .command("force-release <name>")
    .description("take a lock from its holders; the next in line gets it")
    .option("--reason <text>", "why: recorded, and told to those who lose it")
    .option("--token <n>", "only the grant with this token");
  acts(forcing, forceRelease);
  const yielding = program
    .command("yield <name>")
    .description("ask the holders of a lock to give it up")
    .option("--reason <text>", "why: told to them")
    .option("--grace <span>", "how long they have", "0")
    .option("--force", "take it from them after that")
    .option("--token <n>", "only the grant with this token");
  acts(yielding, askYield);
}

async function listLeases(call: Call): Promise<undefined> {
  const limit = wholeNumber(textOf(call, "limit"), "--limit", { min: 1 });
  const owner = textOf(call, "owner");
  const leases = await withClient(call.shared, {}, async (client) => {
    const all = await client.leases({ limit, ...(owner === "" ? {} : { owner }) });
    // The one that this very question was asked under.
    return all.filter(({ leaseId }) => leaseId !== client.leaseId);
  });
  call.output.either(leases, () =>
    call.output.table(
      ["LEASE", "OWNER", "TTL", "LEFT", "LOCKS", "WAITING", "METADATA"],
      leases.map((lease) => [
        String(lease.leaseId),
        cut(shown(lease.owner), 40),
        shownSpan(lease.ttlMs),
        shownSpan(lease.remainingMs),
        String(lease.locks),
        String(lease.waiting),
        cut(shown(lease.metadata), 60),
      ]),
    ),
  );
}

async function revokeLease(call: Call): Promise<undefined> {
  const leaseId = wholeNumber(argument(call, 0, "the lease's number"), "the lease's number", { min: 1 });
  const locks = await withClient(call.shared, {}, (client) => client.revokeLease(leaseId));
  call.output.either({ revoked: true, locks }, () =>
    call.output.line(`lease ${leaseId} ended, with ${locks} ${locks === 1 ? "lock" : "locks"}`),
  );
}

const tokenOf = (call: Call): { readonly token?: number } =>
  textOf(call, "token") === "" ? {} : { token: wholeNumber(textOf(call, "token"), "--token", { min: 1 }) };

async function forceRelease(call: Call): Promise<undefined> {
  const name = argument(call, 0, "the lock's name");
  const reason = requiredText(call, "reason", "--reason");
  const options = { reason, ...tokenOf(call) };
  const tokens = await withClient(call.shared, {}, (client) => client.forceRelease(name, options));
  if (tokens.length === 0) throw nobodyHolds(name);
  call.output.either({ tokens }, () => call.output.line(`${shown(name)} taken from ${tokensLine(tokens)}`));
}

async function askYield(call: Call): Promise<undefined> {
  const name = argument(call, 0, "the lock's name");
  const reason = requiredText(call, "reason", "--reason");
  const graceMs = spanOf(call, "grace", "--grace");
  const options = { reason, graceMs, force: call.options.force === true, ...tokenOf(call) };
  const tokens = await withClient(call.shared, {}, (client) => client.askYield(name, options));
  if (tokens.length === 0) throw nobodyHolds(name);
  call.output.either({ tokens }, () => call.output.line(`asked the holder of ${tokensLine(tokens)}`));
}

const tokensLine = (tokens: readonly number[]): string =>
  `${tokens.length === 1 ? "token" : "tokens"} ${tokens.join(", ")}`;

const nobodyHolds = (name: string): CommandError =>
  new CommandError("NOT_HELD", exitCodes.notAcquired, `nobody holds ${shown(name)}`);
