// How the other regions can be reached: which of their nodes this one can speak to, which of those leads, how long a round trip
// takes. Every node keeps this up to date, so that a new leader need not find out first, and so that any node can show it.

import { send } from "../actor.ts";
import type { RegionMessage, RegionView, RemoteNode } from "../ballots.ts";
import { between, type Instant, millis, type NodeId, type Term } from "../scalars.ts";
import { askAgain, leaderOf, openInquiries, tell } from "./asking.ts";
import type { Contact, Effects, RegionState } from "./state.ts";

const pingMs = millis(1000);
/** Clients are told how the regions are seen at least this often. */
const tellMs = millis(1000);

const nodeOf = (contact: Contact | undefined, node: NodeId) => contact?.nodes.get(node);

export function onLink(state: RegionState, { region, node }: RemoteNode, up: boolean, now: Instant): Effects {
  const contact = state.contacts.get(region);
  if (contact === undefined) return [];
  contact.nodes.set(node, { up, leads: null, pingSentAt: now, ping: 0 });
  if (!up) return tellClients(state, now, { always: false });
  const to = { region, node };
  const news: Effects = state.leading ? [tell(state, to, { type: "leads", leads: state.term })] : [];
  return [...news, ping(state, to, now), ...tellClients(state, now, { always: false })];
}

function ping(state: RegionState, to: RemoteNode, now: Instant): Effects[number] {
  state.pings += 1;
  const node = nodeOf(state.contacts.get(to.region), to.node);
  if (node !== undefined) {
    node.ping = state.pings;
    node.pingSentAt = now;
  }
  return tell(state, to, { type: "ping", ping: state.pings });
}

/** Told at every change of this node's own role. */
export function announce(state: RegionState): Effects {
  const message: RegionMessage = { type: "leads", leads: state.leading ? state.term : null };
  const effects: Effects = [];
  for (const { region, nodes } of state.contacts.values()) {
    for (const [node, { up }] of nodes) if (up) effects.push(tell(state, { region, node }, message));
  }
  return effects;
}

export function onPong(
  state: RegionState,
  from: RemoteNode,
  { ping, leads }: Extract<RegionMessage, { type: "pong" }>,
  now: Instant,
): Effects {
  const contact = state.contacts.get(from.region);
  const node = nodeOf(contact, from.node);
  if (contact !== undefined && node?.ping === ping) contact.roundTrip = between(node.pingSentAt, now);
  return onLeads(state, from, leads, now);
}

/** A node says whether it leads its region. What is unanswered there is asked of a new leader at once. */
export function onLeads(state: RegionState, from: RemoteNode, leads: Term | null, now: Instant): Effects {
  const contact = state.contacts.get(from.region);
  if (contact === undefined) return [];
  const before = leaderOf(contact);
  const node = contact.nodes.get(from.node);
  if (node === undefined) contact.nodes.set(from.node, { up: false, leads, pingSentAt: now, ping: 0 });
  else node.leads = leads;
  const leader = leaderOf(contact);
  if (leader === before) return [];
  const again = leader === null ? [] : openInquiries(state).flatMap((open) => askAgain(state, open, now, from.region));
  return [...again, ...tellClients(state, now, { always: false })];
}

export function heard(state: RegionState, { region }: RemoteNode, now: Instant): void {
  const contact = state.contacts.get(region);
  if (contact !== undefined) contact.heardAt = now;
}

/** Pings whoever has not been pinged for a while. */
export function keepInTouch(state: RegionState, now: Instant): Effects {
  const effects: Effects = [];
  for (const { region, nodes } of state.contacts.values()) {
    for (const [node, { up, pingSentAt }] of nodes) {
      if (up && between(pingSentAt, now) >= pingMs) effects.push(ping(state, { region, node }, now));
    }
  }
  return [...effects, ...tellClients(state, now, { always: true })];
}

/** Tells clients how the other regions are seen: whenever one comes or goes, and with `always` now and then. */
function tellClients(state: RegionState, now: Instant, { always }: { always: boolean }): Effects {
  const regions = viewsOf(state, now);
  const told = regions.map(({ region, reachable, leader }) => `${region} ${reachable} ${leader}`).join();
  const isDue = always && (state.toldAt === null || between(state.toldAt, now) >= tellMs);
  if (told === state.told && !isDue) return [];
  state.told = told;
  state.toldAt = now;
  return [send("clients", { type: "regions", regions })];
}

const viewsOf = ({ contacts }: RegionState, now: Instant): RegionView[] =>
  [...contacts.values()].map((contact) => {
    const leader = leaderOf(contact);
    const { region, roundTrip, heardAt } = contact;
    return {
      region,
      reachable: leader !== null,
      leader,
      roundTrip,
      silence: heardAt === null ? null : between(heardAt, now),
    };
  });
