import { suite } from "uvu";
import * as assert from "uvu/assert";
import { codeLines, codeOf, functionsOf, importsOf } from "./source.ts";

const test = suite("source");

test("comments, strings and regular expressions are not code", () => {
  const code = codeOf(
    `// Date\nconst a = "process"; /* await */ const b = \`Promise \${a}\`;\nif (/fetch"/.test(a)) go(1 / 2 / 3);`,
  );
  assert.not.match(code, /Date|process|await|Promise|fetch/);
  assert.match(code, /const a =\s+;\s+const b =/);
  assert.match(code, /go\(1 \/ 2 \/ 3\)/);
});

test("a line that holds only a comment is not a line of code", () => {
  assert.is(codeLines('// one\n\n/* two\n three */\nconst four = "five"; // six\n'), 1);
});

test("imports are found in every form, and nowhere else", () => {
  const text = `import { a } from "./a.ts";
import type {
  B,
} from "./b.ts";
export { c } from "./c.ts";
import "./d.ts";
const e = await import("./e.ts");
type Word = "import" | "from";
// import { f } from "./f.ts";
const g = Array.from("g");`;
  assert.equal(importsOf(text), ["./a.ts", "./b.ts", "./c.ts", "./d.ts", "./e.ts"]);
});

test("a function's size leaves out the functions inside it", () => {
  const text = `export function outer(options: { a: number }): { b: number } {
  const inner = (c: number): number => {
    if (c > 0) {
      return 1;
    }
    return 2;
  };
  return { b: inner(options.a) };
}
const other = async (): Promise<void> => {
  go();
};`;
  assert.equal(functionsOf(text), [
    { name: "outer", lines: 4 },
    { name: "inner", lines: 6 },
    { name: "other", lines: 3 },
  ]);
});

test.run();
