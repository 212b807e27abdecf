// What a render says, as objects, and how they belong together.

import { equal } from "node:assert/strict";
import { run } from "../interop/run.ts";

export interface Rendered {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly data?: Readonly<Record<string, string>>;
  // What stands below is as deep as Kubernetes is; whoever looks knows what he looks for.
  readonly spec: Readonly<Record<string, unknown>>;
}

/** The objects of a file, read by the checker. */
export async function objectsIn(checker: string, file: string): Promise<readonly Rendered[]> {
  const { code, output, stdout } = await run(checker, ["json", file], { withinMs: 300_000 });
  equal(code, 0, output);
  return JSON.parse(stdout) as readonly Rendered[];
}

/** The addresses of the nodes of a release, as other regions must name them. */
export function nodesOf(objects: readonly Rendered[], namespace: string): readonly string[] {
  const nodes = objects.find(({ kind }) => kind === "StatefulSet");
  const { replicas, serviceName } = (nodes?.spec ?? {}) as { readonly replicas: number; readonly serviceName: string };
  return Array.from(
    { length: replicas },
    (_, number) => `${nodes?.metadata.name}-${number}.${serviceName}.${namespace}.svc.cluster.local:9091`,
  );
}

/** The line of a variable in what the nodes are told, or in what one of them is told. */
export const toldOf = (objects: readonly Rendered[], file: string, variable: string): string =>
  new RegExp(`^${variable}=(.*)$`, "m").exec(
    objects.find(({ kind }) => kind === "ConfigMap")?.data?.[file] ?? "",
  )?.[1] ?? "";
