// Putting a question to the regions. The own region is asked by its log, its leases or its confirmed reads, the others by a message
// to whoever leads them; what stays unanswered is asked again. Every question may be answered twice: acceptors know a ballot again.

import { send } from "../actor.ts";
import type { AskId, Question, RegionMessage } from "../ballots.ts";
import { after, type Instant, type LeaseId, type NodeId, type RegionId, type RequestId } from "../scalars.ts";
import {
  type Awaited,
  type Contact,
  type Effects,
  type Inquiry,
  nextAsk,
  patience,
  type RegionState,
} from "./state.ts";

/** Asks all regions, or with `own: false` all others. */
export function inquire(
  state: RegionState,
  { question, awaited, own }: { readonly question: Question; readonly awaited: Awaited; readonly own: boolean },
  now: Instant,
): { readonly inquiry: Inquiry; readonly effects: Effects } {
  const ask = nextAsk(state);
  state.awaited.set(ask, awaited);
  state.counts.rounds += 1;
  const inquiry: Inquiry = { ask, question, sentAt: now, answered: new Set(), askedAt: new Map() };
  const effects: Effects = own ? askHere(state, ask, question) : [];
  for (const region of state.others) effects.push(...askThere(state, inquiry, region, now));
  return { inquiry, effects };
}

/** Has this node's own actors answer, for a proposer here or elsewhere. */
export function askHere(state: RegionState, ask: AskId, question: Question): Effects {
  switch (question.type) {
    case "prepare":
    case "accept":
    case "keepLease":
      return [send("raft", { type: "propose", commands: [{ ...question, ask }] })];
    case "view":
    case "holdings":
      return [send("raft", { type: "read", queries: [{ ...question, ask }] })];
    case "renew":
      state.renewalsOpen.set(ask, question.leases.length);
      return [send("lease", { type: "renew", renewals: question.leases.map((lease) => renewal(state, ask, lease)) })];
  }
}

function renewal(state: RegionState, ask: AskId, lease: LeaseId): { requestId: RequestId; lease: LeaseId } {
  const requestId = `${ask} ${lease}` as RequestId;
  state.servedRenewals.set(requestId, ask);
  return { requestId, lease };
}

function askThere(state: RegionState, { ask, question, askedAt }: Inquiry, region: RegionId, now: Instant): Effects {
  const to = leaderOf(state.contacts.get(region));
  if (to === null) return [];
  askedAt.set(region, now);
  return [tell(state, { region, node: to }, { type: "ask", ask, question })];
}

export function tell(
  state: RegionState,
  to: { readonly region: RegionId; readonly node: NodeId },
  message: RegionMessage,
): Effects[number] {
  state.counts.messagesSent += 1;
  return send("peers", { type: "tell", to, message });
}

/** Asks those again that have not answered for too long, or, if `region` has a new leader, that one at once. */
export function askAgain(state: RegionState, inquiry: Inquiry, now: Instant, region?: RegionId): Effects {
  const effects: Effects = [];
  const span = patience(state);
  for (const other of region === undefined ? state.others : [region]) {
    if (inquiry.answered.has(other)) continue;
    const askedAt = inquiry.askedAt.get(other);
    if (region === undefined && askedAt !== undefined && after(askedAt, span) > now) continue;
    effects.push(...askThere(state, inquiry, other, now));
  }
  return effects;
}

/** The newest leader of a region that this node can speak to. */
export function leaderOf(contact: Contact | undefined): NodeId | null {
  let leader: NodeId | null = null;
  let newest = -1;
  for (const [node, { up, leads }] of contact?.nodes ?? []) {
    if (up && leads !== null && leads > newest) {
      leader = node;
      newest = leads;
    }
  }
  return leader;
}

/** How many regions have not answered and may still do so: those that can be reached, for as long as patience lasts. The own
 *  region always answers, or its leader has lost the lead and everything with it. */
export function coming(state: RegionState, inquiry: Inquiry, now: Instant, isOwnAnswered: boolean): number {
  const isPatient = after(inquiry.sentAt, patience(state)) > now;
  let count = isOwnAnswered ? 0 : 1;
  for (const region of state.others) {
    if (!inquiry.answered.has(region) && isPatient && leaderOf(state.contacts.get(region)) !== null) count += 1;
  }
  return count;
}

/** All questions that wait for answers of other regions. */
export function openInquiries(state: RegionState): Inquiry[] {
  const open: Inquiry[] = [];
  for (const { attempt } of state.locks.values()) {
    if (attempt?.phase.type === "prepare" || attempt?.phase.type === "accept") open.push(attempt.phase.inquiry);
  }
  for (const { inquiry } of state.openings.values()) if (inquiry !== null) open.push(inquiry);
  for (const { inquiry } of state.readings.values()) open.push(inquiry);
  for (const { inquiry } of state.rounds.values()) open.push(inquiry);
  for (const { inquiry } of state.repairs.values()) open.push(inquiry);
  for (const { inquiry } of state.trailing.values()) open.push(inquiry);
  return open;
}
