// What `run` and its guardian write to each other: JSON, one letter to a line. Moments are decimal texts, since JSON has no
// whole numbers of that size.

import type { Socket } from "node:net";

export type ForwardedSignal = "SIGINT" | "SIGTERM" | "SIGHUP" | "SIGQUIT" | "SIGUSR1" | "SIGUSR2";
export const forwardedSignals: readonly ForwardedSignal[] = [
  "SIGINT",
  "SIGTERM",
  "SIGHUP",
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2",
];

/** What is run, and when it must be over. */
export interface Order {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Until when the lock is safe, in nanoseconds of the monotonic clock. */
  readonly deadlineNs: string;
  /** How long before the deadline nothing of the command may be left. */
  readonly marginMs: number;
  /** What is between SIGTERM and SIGKILL. */
  readonly graceMs: number;
}

export type ToGuardian =
  | { readonly type: "start"; readonly order: Order }
  /** The lock is safe for longer. */
  | { readonly type: "deadline"; readonly deadlineNs: string }
  | { readonly type: "signal"; readonly signal: ForwardedSignal }
  /** Ends the command, within this. */
  | { readonly type: "terminate"; readonly graceMs: number };

/** Why the guardian has ended the command: the deadline came near, it was told to, nobody renews any more. */
export type EndedBy = "deadline" | "order" | "abandonment";

/** The whole group is gone. */
export interface Gone {
  readonly type: "gone";
  /** How the command itself ended. One of the two is null. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Null: by itself. */
  readonly endedBy: EndedBy | null;
}

export type FromGuardian =
  | { readonly type: "ready" }
  | { readonly type: "started"; readonly group: number }
  /** There was not enough time left to begin. */
  | { readonly type: "tooLate" }
  | { readonly type: "failed"; readonly code: string; readonly message: string }
  | { readonly type: "terminating"; readonly endedBy: EndedBy }
  /** The command has ended, and others of its group run on. */
  | { readonly type: "lingering" }
  | Gone;

/** What a line may be at most: a command and its environment are bounded by the system. */
export const toLine = (letter: ToGuardian | FromGuardian): string => `${JSON.stringify(letter)}\n`;

/** Calls back with every letter that comes. */
export function onLetters<Letter extends ToGuardian | FromGuardian>(
  link: Socket,
  take: (letter: Letter) => void,
): void {
  let text = "";
  link.setEncoding("utf8");
  link.on("data", (chunk: string) => {
    text += chunk;
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) take(JSON.parse(line) as Letter);
  });
}
