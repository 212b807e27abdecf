// `lockmgr top`: the hottest locks, in place on a terminal and drawn anew when something happens; elsewhere the table of
// this moment, once.

import type { Command } from "commander";
import type { Client } from "../../client/index.ts";
import { acts, type Call } from "../command.ts";
import { untilInterrupted } from "../commands/watching.ts";
import { withClient } from "../connection.ts";
import { failureOf } from "../exit.ts";
import type { Output } from "../output.ts";
import { type HotTable, tableOf, takeEvent, topDocument, topLines } from "./table.ts";

export const addTopCommand = (program: Command): void =>
  void acts(
    program
      .command("top [prefix]")
      .description("show the locks that most wait for and that change hands most; live on a terminal, else once"),
    top,
  );

const locksMax = 10_000;
/** Events that come close together are drawn together. */
const drawMs = 200;
/** Spans grow without any event. */
const redrawMs = 1_000;

async function top(call: Call): Promise<undefined> {
  const { output } = call;
  const prefix = call.args[0] ?? "";
  if (output.isTerminal && !output.isJson) {
    return untilInterrupted(call, (client, { signal }) => live(client, prefix, output, signal));
  }
  const table = tableOf(await withClient(call.shared, {}, (client) => client.list({ prefix, limit: locksMax })));
  output.either(topDocument(table, Date.now()), () => {
    for (const line of topLines(table, Date.now(), { rows: Infinity, columns: Infinity })) output.line(line);
  });
}

async function live(client: Client, prefix: string, output: Output, signal: AbortSignal): Promise<void> {
  const screen = newScreen(output);
  try {
    for (;;) {
      const table = tableOf(await client.list({ prefix, limit: locksMax, signal }));
      try {
        await follow(client, prefix, table, screen, signal);
      } catch (error) {
        // Too much has happened to go on from here: begin anew.
        if (failureOf(error).code !== "REVISION_GONE") throw error;
      }
    }
  } finally {
    screen.close();
  }
}

async function follow(
  client: Client,
  prefix: string,
  table: HotTable,
  screen: LiveScreen,
  signal: AbortSignal,
): Promise<void> {
  let soon: NodeJS.Timeout | undefined;
  const draw = () => {
    soon = undefined;
    screen.draw((size) => topLines(table, Date.now(), size));
  };
  const ticking = setInterval(draw, redrawMs);
  draw();
  try {
    for await (const event of client.watch({ prefix }, { signal })) {
      takeEvent(table, event, Date.now());
      soon ??= setTimeout(draw, drawMs);
    }
  } finally {
    clearInterval(ticking);
    clearTimeout(soon);
  }
}

interface LiveScreen {
  readonly draw: (lines: (size: { readonly rows: number; readonly columns: number }) => readonly string[]) => void;
  readonly close: () => void;
}

/** The terminal's second page, without a cursor; the first comes back as it was. */
function newScreen(output: Output): LiveScreen {
  output.raw("\u001b[?1049h\u001b[?25l");
  return {
    draw: (lines) => {
      const { rows = 24, columns = 80 } = process.stdout;
      const text = lines({ rows, columns }).map((line, place) => (place === 2 ? output.paint("bold", line) : line));
      output.raw(`\u001b[H${text.map((line) => `${line}\u001b[K`).join("\r\n")}\u001b[J`);
    },
    close: () => output.raw("\u001b[?25h\u001b[?1049l"),
  };
}
