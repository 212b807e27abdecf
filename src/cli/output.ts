// What a command writes: tables and sentences for people, JSON for programs. Names and texts that others have chosen are
// shown so that they cannot speak to the terminal.

import { writeSync } from "node:fs";
import type { Failure } from "./exit.ts";

export type Colour = "bold" | "dim" | "red" | "green" | "yellow";

const codes: Readonly<Record<Colour, number>> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 };

export interface Output {
  readonly isJson: boolean;
  /** Whether people look at it as it comes. */
  readonly isTerminal: boolean;
  /** One line for people. */
  readonly line: (text: string) => void;
  /** One document, or one of a stream of them. */
  readonly json: (value: unknown) => void;
  /** A document for programs, or whatever `write` writes for people. */
  readonly either: (value: unknown, write: () => void) => void;
  readonly table: (head: readonly string[], rows: readonly (readonly string[])[]) => void;
  readonly paint: (colour: Colour, text: string) => string;
  /** A line for people beside the output. */
  readonly note: (text: string) => void;
  readonly raw: (text: string) => void;
}

const stdout = 1;
const stderr = 2;

/** Waits while the other end of a pipe is slow. */
function write(descriptor: number, text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Nobody reads any more: as if the signal had ended the process.
      if (code === "EPIPE") process.exit(128 + 13);
      if (code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

export function newOutput({ isJson }: { readonly isJson: boolean }): Output {
  const isTerminal = process.stdout.isTTY === true;
  const isColoured = isTerminal && !isJson && (process.env.NO_COLOR ?? "") === "" && process.env.TERM !== "dumb";
  const line = (text: string) => write(stdout, `${text}\n`);
  const json = (value: unknown) => line(JSON.stringify(forPrograms(value)));
  const paint = (colour: Colour, text: string) => (isColoured ? `\u001b[${codes[colour]}m${text}\u001b[0m` : text);
  return {
    isJson,
    isTerminal,
    line,
    json,
    either: (value, writeForPeople) => (isJson ? json(value) : writeForPeople()),
    table: (head, rows) => {
      for (const text of tableLines(head, rows, (title) => paint("bold", title))) line(text);
    },
    paint,
    note: (text) => write(stderr, `lockmgr: ${text}\n`),
    raw: (text) => write(stdout, text),
  };
}

/** Says why a command has failed. */
export function writeFailure({ code, message, details = {} }: Failure, isJson: boolean): void {
  const error = { code, message, ...(Object.keys(details).length === 0 ? {} : { details }) };
  // What is nobody's fault but this program's is told with its stack.
  const text = code === "INTERNAL" ? message.split("\n").map(shown).join("\n") : shown(message);
  write(stderr, isJson ? `${JSON.stringify(forPrograms({ error }))}\n` : `lockmgr: ${text}\n`);
}

/** Lines of a table whose columns stand below each other. */
export function tableLines(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  paintHead: (text: string) => string = (text) => text,
): string[] {
  const widths = head.map((title, column) =>
    rows.reduce((widest, row) => Math.max(widest, width(row[column] ?? "")), width(title)),
  );
  const laid = (row: readonly string[]) =>
    row
      .map((cell, column) => cell + " ".repeat(Math.max(0, (widths[column] ?? 0) - width(cell))))
      .join("  ")
      .trimEnd();
  return [paintHead(laid(head)), ...rows.map(laid)];
}

const segments = new Intl.Segmenter();

/** How many columns a text takes: wide letters of Asia and pictures take two. */
export function width(text: string): number {
  let columns = 0;
  for (const { segment } of segments.segment(text)) {
    columns +=
      /^[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u.test(
        segment,
      )
        ? 2
        : 1;
  }
  return columns;
}

/** A text of somebody else's, on one line, without what a terminal would obey. */
export const shown = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (letter) =>
    letter === "\n" ? "\\n" : letter === "\t" ? "\\t" : `\\u{${(letter.codePointAt(0) ?? 0).toString(16)}}`,
  );

/** Not longer than `max` letters. */
export const cut = (text: string, max: number): string => (text.length <= max ? text : `${text.slice(0, max - 1)}…`);

/** As the HTTP interface writes it: names in snake_case, moments as texts. */
function forPrograms(value: unknown): unknown {
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(forPrograms);
  if (typeof value === "bigint") return Number(value);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [snake(name), forPrograms(inner)]));
}

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
