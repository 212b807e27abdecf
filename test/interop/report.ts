// What passed, failed and was skipped, said as it happens and summed up at the end.

export interface Report {
  readonly pass: (rule: string) => void;
  readonly fail: (rule: string, why: string) => void;
  /** Something this machine lacks. Loud, because what is skipped is not known to work. */
  readonly skip: (rule: string, why: string) => void;
  /** Runs `check`; an error is a failure. */
  readonly rule: (name: string, check: () => Promise<void> | void) => Promise<void>;
  /** Takes over the lines "ok RULE" and "FAIL RULE: why" of a program, and its exit code. */
  readonly program: (name: string, ended: { readonly code: number | null; readonly output: string }) => void;
  readonly failures: () => number;
  readonly sum: () => string;
}

export function newReport(): Report {
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  const report: Report = {
    pass: (rule) => {
      passed += 1;
      console.log(`ok    ${rule}`);
    },
    fail: (rule, why) => {
      failed += 1;
      console.log(`FAIL  ${rule}\n      ${why.trimEnd().split("\n").join("\n      ")}`);
    },
    skip: (rule, why) => {
      skipped += 1;
      console.log(`SKIP  ${rule}\n      ${why.trimEnd().split("\n").join("\n      ")}`);
    },
    rule: async (name, check) => {
      try {
        await check();
        report.pass(name);
      } catch (error) {
        report.fail(name, error instanceof Error ? error.message : String(error));
      }
    },
    program: (name, { code, output }) => {
      const rest: string[] = [];
      let said = 0;
      for (const line of output.split("\n")) {
        // A rule begins with the name of its program and a colon.
        const [, verdict, rule = "", why = ""] = /^(ok|FAIL) (\w+: [^:]*)(?:: (.*))?$/.exec(line) ?? [];
        if (verdict === "ok") report.pass(rule);
        else if (verdict === "FAIL") report.fail(rule, why);
        else rest.push(line);
        if (verdict !== undefined) said += 1;
      }
      if (said === 0 || (code !== 0 && !output.includes("FAIL "))) {
        report.fail(`${name} runs to its end`, `exit code ${code}\n${rest.join("\n")}`);
      }
    },
    failures: () => failed,
    sum: () => `${passed} passed, ${failed} failed, ${skipped} skipped`,
  };
  return report;
}
