// Server reflection, v1 and v1alpha: what grpcurl and its like ask before anything else. The descriptors are made from the
// .proto files of the package when the node starts.

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadSync, type PackageDefinition } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import { protoPath as healthProtoPath } from "grpc-health-check";
import type { Adopter } from "./adopted.ts";
import { asCompiled } from "./descriptors.ts";

/** Where the services are defined, under `proto/`. */
const protoFiles = [
  "com/geastalt/lock/grpc/lock.proto",
  "lowkey/v1/lock.proto",
  "lockmgr/v1/lock.proto",
  "lockmgr/v1/election.proto",
];
/** Enums by name and exact numbers: what a descriptor says must not depend on how JavaScript reads it. */
const loading = { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true };

/** Adds both versions of the reflection service, which list `services`. */
export function addReflection(adopter: Adopter, services: readonly string[]): void {
  const protoFolder = join(packageRoot(), "proto");
  const described: PackageDefinition = {
    ...loadSync(protoFiles, { ...loading, includeDirs: [protoFolder] }),
    ...loadSync(healthProtoPath, loading),
  };
  const reflection = new ReflectionService(asCompiled(described), { services: [...services] });
  reflection.addToServer(adopter as Parameters<typeof reflection.addToServer>[0]);
}

/** The folder with `proto/`: above this file, whether it runs as it was written or compiled. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "proto", protoFiles[0] as string))) {
    const above = dirname(folder);
    if (above === folder) throw new Error(`the package has no proto/${protoFiles[0]}: it is not installed completely`);
    folder = above;
  }
  return folder;
}
