// What must hold of the Dockerfile and of what is sent to the engine, whether or not there is one to build it.

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Report } from "../interop/report.ts";
import { root } from "../interop/run.ts";

interface Instruction {
  readonly name: string;
  readonly text: string;
}

const read = (file: string): string => readFileSync(join(root, file), "utf8");

/** The stages of a Dockerfile, each with its instructions; those before the first FROM are the stage 0. */
function stagesOf(text: string): readonly (readonly Instruction[])[] {
  const lines = text
    .split("\n")
    .filter((line) => !/^\s*(#|$)/.test(line))
    .join("\n")
    .replace(/\\\n\s*/g, " ");
  const stages: Instruction[][] = [[]];
  for (const line of lines.split("\n")) {
    const [, name = "", rest = ""] = /^(\S+)\s+(.*)$/.exec(line) ?? [];
    if (name === "FROM") stages.push([]);
    stages.at(-1)?.push({ name, text: rest });
  }
  return stages;
}

export function checkDockerfile(report: Report): void {
  const stages = stagesOf(read("Dockerfile"));
  const last = stages.at(-1) ?? [];
  const of = (name: string): readonly string[] => last.filter((line) => line.name === name).map(({ text }) => text);
  const rules: Readonly<Record<string, () => void>> = {
    "it knows only the instructions of a Dockerfile": () => {
      const known = "FROM ARG RUN CMD LABEL EXPOSE ENV ADD COPY ENTRYPOINT VOLUME USER WORKDIR STOPSIGNAL HEALTHCHECK";
      for (const { name, text } of stages.flat()) ok(known.split(" ").includes(name), `${name} ${text}`);
    },
    "it stands on an official image of node, of a long-term line, with a tag that says which": () => {
      const [, major = ""] = /NODE_IMAGE=node:(\d+)-[a-z]+-slim$/.exec(stages[0]?.[0]?.text ?? "") ?? [];
      ok(Number(major) >= 22 && Number(major) % 2 === 0, major);
      for (const stage of stages.slice(1)) match(stage[0]?.text ?? "", /^\$\{(NODE|BUILD)_IMAGE\}( AS \w+)?$/);
    },
    "what runs has no development dependency, and nothing is fetched but by the lock file": () => {
      const installs = stages.flat().filter(({ name, text }) => name === "RUN" && text.includes("npm"));
      for (const { text } of installs) match(text, /^npm ci /);
      match(of("COPY").find((text) => text.includes("node_modules")) ?? "", /--from=dependencies/);
      ok(installs.some(({ text }) => text.includes("--omit=dev")));
    },
    "nothing is added from elsewhere, no shell pipes a download, nothing runs in the last stage": () => {
      for (const { name, text } of stages.flat()) {
        ok(name !== "ADD", text);
        ok(!/curl|wget|sudo|apt-get|chmod 777/.test(text), text);
      }
      deepEqual(of("RUN"), []);
    },
    "it is not root, by number, and its data are that user's": () => {
      deepEqual(of("USER"), ["1000:1000"]);
      deepEqual(of("VOLUME"), ["/data"]);
      ok(of("COPY").some((text) => text.endsWith("--chown=1000:1000 /data /data")));
      ok(last.findIndex(({ name }) => name === "USER") > last.findLastIndex(({ name }) => name === "COPY"));
    },
    "the node is process 1 itself, and SIGTERM reaches it": () => {
      equal(of("CMD").length, 0);
      deepEqual(JSON.parse(of("ENTRYPOINT")[0] ?? "")[0], "node");
      deepEqual(of("STOPSIGNAL"), ["SIGTERM"]);
    },
    "it has a health check that asks for life, not for a quorum": () =>
      match(of("HEALTHCHECK")[0] ?? "", /"\/healthz"\]$/),
    "it opens the three ports of a node": () => deepEqual(of("EXPOSE"), ["9090 9091 8080"]),
    "its labels say what it is, by the names of the OCI, and its version is the package's": () => {
      const labels = of("LABEL").join(" ");
      for (const label of ["title", "description", "version", "revision", "licenses"])
        match(labels, new RegExp(`org\\.opencontainers\\.image\\.${label}=`));
      const { version } = JSON.parse(read("package.json")) as { version: string };
      ok(of("ARG").includes(`VERSION=${version}`), version);
    },
    "only what it copies is sent to the engine": () => {
      const ignored = read(".dockerignore")
        .split("\n")
        .filter((line) => line !== "" && !line.startsWith("#"));
      equal(ignored[0], "*");
      const sent = ignored.slice(1).map((line) => line.replace(/^!/, ""));
      const copied = stages
        .flat()
        .filter(({ name, text }) => name === "COPY" && !text.includes("--from"))
        .flatMap(({ text }) => text.split(/\s+/).slice(0, -1));
      deepEqual([...new Set(copied.map((path) => path.replace(/^\.\//, "")))].sort(), sent.sort());
    },
  };
  for (const [rule, check] of Object.entries(rules)) {
    try {
      check();
      report.pass(`Dockerfile: ${rule}`);
    } catch (error) {
      report.fail(`Dockerfile: ${rule}`, error instanceof Error ? error.message : String(error));
    }
  }
}
