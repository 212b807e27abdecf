// The OpenAPI document as a tool of others reads it: its linter finds nothing to say, examples included.

import { createConfig, lintFromString } from "@redocly/openapi-core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openApi } from "../../src/transport/clients/openapi.ts";

const test = suite("interop/openapi");

const lint = async (document: object): Promise<string[]> => {
  const config = await createConfig({
    extends: ["recommended-strict"],
    rules: {
      "no-invalid-media-type-examples": "error",
      "no-invalid-parameter-examples": "error",
      "no-invalid-schema-examples": "error",
      "operation-operationId": "error",
      "tag-description": "error",
    },
  });
  const problems = await lintFromString({ source: JSON.stringify(document), config });
  return problems.map(({ ruleId, message, location }) => `${ruleId}: ${message} (${location[0]?.pointer})`);
};

test("the linter has nothing to say", async () => {
  assert.equal(await lint(openApi("1.2.3")), []);
});

test("an example that its schema does not allow is found", async () => {
  const broken = JSON.stringify(openApi("1.2.3")).replaceAll('"wait_ms":30000', '"wait":30000');
  assert.ok((await lint(JSON.parse(broken))).some((problem) => problem.startsWith("no-invalid-media-type-examples")));
});

test.run();
