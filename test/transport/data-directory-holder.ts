// Run by data-directory.test.ts: takes a directory and is killed with it.

import { nodeId, regionId } from "../../src/actors/scalars.ts";
import { openDataDirectory } from "../../src/transport/data-directory.ts";

const region = regionId("default");
const self = nodeId("a");
const identity = { clusterId: "test", regionId: region, nodeId: self, regions: [region], voters: [self] };
await openDataDirectory(process.argv[2] as string, identity, () => undefined);
process.kill(process.pid, "SIGKILL");
