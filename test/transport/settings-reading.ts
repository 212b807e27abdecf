// Reads settings as a process of version 1.2.3 would.

import * as assert from "uvu/assert";
import { type Reading, readSettings } from "../../src/transport/read-settings.ts";
import type { Settings } from "../../src/transport/settings.ts";
import type { Variable } from "../../src/transport/settings-table.ts";

export type Environment = Partial<Record<Variable, string>>;

export const readAs = (argv: readonly string[], env: Environment = {}): Reading =>
  readSettings(argv, env, { version: "1.2.3", incarnation: "i" });

export function settingsOf(argv: readonly string[], env: Environment = {}): Settings {
  const reading = readAs(argv, env);
  assert.ok("settings" in reading, JSON.stringify(reading));
  return reading.settings;
}

export function problemsOf(argv: readonly string[], env: Environment = {}): readonly string[] {
  const reading = readAs(argv, env);
  return "problems" in reading ? reading.problems : [];
}
