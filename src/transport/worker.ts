// The entry of every worker thread of a node.

import { cast } from "./cast.ts";
import { serveThread } from "./serve-thread.ts";

serveThread(cast);
