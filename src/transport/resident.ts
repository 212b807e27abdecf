// What an actor that does I/O looks like to its host. Like a behaviour it lives on letters; unlike one it has sockets, files
// and promises, and posts letters whenever something has happened.

import type { Logger } from "pino";
import type { Inbox, Inspection, Timeout } from "../actors/actor.ts";
import type { ActorName, Letters } from "../actors/messages.ts";
import type { Instant } from "../actors/scalars.ts";
import type { Settings } from "./settings.ts";

/** What may be in the mailbox of an actor that does I/O: it has no timers of the kernel. */
export type Mail<Self extends ActorName> = Exclude<Inbox<Self>, Timeout<Self>>;

/** What a resident is given. */
export interface Surroundings<Self extends ActorName> {
  readonly settings: Settings;
  readonly log: Logger;
  /** Puts a letter into another actor's mailbox; letters of one turn to one thread travel together. */
  readonly post: <To extends keyof Letters[Self]>(to: To, letter: Letters[Self][To]) => void;
  /** This machine's monotonic clock. */
  readonly now: () => Instant;
  /** Stops the node, now and with this error: for what must not be survived, such as a failed flush. */
  readonly fail: (error: Error) => void;
  /** What every actor of the node says of itself, by actor. For `/metrics`; asks all threads. */
  readonly inspectNode: () => Promise<Readonly<Record<string, Inspection>>>;
}

export interface Resident<Self extends ActorName> {
  readonly receive: (letter: Mail<Self>) => void;
  readonly inspect: () => Inspection;
  /** Clean stop: nothing is under way any more when it resolves. */
  readonly stop: () => Promise<void>;
  /** Drops every connection that speaks HTTP/2, as it is: the thread ends right after this. */
  readonly cut?: () => void;
}

/** Opens what is needed and only then resolves. Rejects with a `StartError` that says in one line what is wrong. */
export type StartResident<Self extends ActorName> = (surroundings: Surroundings<Self>) => Promise<Resident<Self>>;

/** Why a node cannot start: one line for the operator, and the exit code. Nothing has been changed. */
export class StartError extends Error {
  override readonly name = "StartError";
  readonly exitCode: number;
  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Exit codes, after sysexits.h. */
export const exitCodes = {
  usage: 64,
  damagedData: 65,
  unavailable: 69,
  broken: 70,
  cannotCreate: 73,
  io: 74,
} as const;
