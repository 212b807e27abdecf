// What can be measured, by name.

import type { System } from "../system.ts";
import { echo } from "./echo.ts";
import { lockmgr } from "./lockmgr.ts";

export const systems: readonly System[] = [lockmgr, echo];
