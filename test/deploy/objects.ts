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

export interface Route {
  readonly name: string;
  readonly match?: readonly Match[];
  readonly route: readonly {
    readonly destination: { readonly host: string; readonly port: { readonly number: number } };
  }[];
  readonly retries?: { readonly attempts: number; readonly retryOn?: string };
  readonly timeout?: string;
}

interface Match {
  readonly port?: number;
  readonly uri?: { readonly prefix: string };
  readonly headers?: Readonly<Record<string, { readonly exact: string }>>;
}

export interface Call {
  readonly path: string;
  readonly port: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The route that a call takes: the first that matches, as in a proxy. */
export function routeOf(routes: readonly Route[], { path, port, headers = {} }: Call): Route | undefined {
  const fits = (match: Match): boolean =>
    (match.port === undefined || match.port === port) &&
    (match.uri === undefined || path.startsWith(match.uri.prefix)) &&
    Object.entries(match.headers ?? {}).every(([name, { exact }]) => headers[name] === exact);
  return routes.find(({ match }) => match === undefined || match.some(fits));
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
