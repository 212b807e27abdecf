// The drivers by name, for the load workers.

import type { DriverName, OpenDriver } from "../system.ts";
import { openLockmgr } from "./lockmgr.ts";

export const drivers = { lockmgr: openLockmgr } as const satisfies Record<DriverName, OpenDriver>;
