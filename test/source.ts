// Reads source text as far as the tests of the house need it: what is code and what is comment, what is imported, how long
// functions are. Not a parser; it knows the habits of this repository.

const token =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\[\s\S]|\$\{(?:[^{}`]|`[^`]*`|\{[^{}]*\})*\}|[^`\\])*`|(?<=[(,=:!&|?{};\n]\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/g;

const blank = (text: string): string => text.replace(/[^\n]/g, " ");

/** The code alone, line for line: comments, strings and regular expressions are blank. */
export const codeOf = (text: string): string => text.replace(token, blank);

const withoutComments = (text: string): string =>
  text.replace(token, (found) => (/^\/[/*]/.test(found) ? blank(found) : found));

/** How many lines hold code. */
export const codeLines = (text: string): number =>
  withoutComments(text)
    .split("\n")
    .filter((line) => line.trim() !== "").length;

const importPattern = /^(?:import|export)\b(?:[^;"]*?\bfrom)?\s+"([^"]+)"|\bimport\(\s*"([^"]+)"/gm;

/** What a file imports or exports from elsewhere, types included. */
export const importsOf = (text: string): string[] =>
  [...withoutComments(text).matchAll(importPattern)].map((match) => (match[1] ?? match[2]) as string);

export interface FunctionSize {
  /** Its name as far as it has one, and its line. */
  readonly name: string;
  /** Its lines, without those of the functions inside it. */
  readonly lines: number;
}

/** The functions of a file that have a body in braces. */
export function functionsOf(text: string): FunctionSize[] {
  const code = codeOf(text);
  const bodies = [...code.matchAll(/\bfunction\b\s*\*?\s*(\w*)|=>\s*\{|(?<=\n\s+)constructor\b/g)]
    .map((match) => bodyAt(code, match))
    .filter((body) => body !== null);
  return bodies.map((body) => {
    const within = bodies.filter((other) => other.start > body.start && other.end < body.end);
    const outermost = within.filter((one) => !within.some((two) => two.start < one.start && two.end > one.end));
    const inner = outermost.reduce((sum, { start, end }) => sum + linesBetween(code, start, end), 0);
    return { name: body.name, lines: linesBetween(code, body.start, body.end) + 1 - inner };
  });
}

interface Body {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

function bodyAt(code: string, match: RegExpExecArray): Body | null {
  const start = match.index;
  const line = linesBetween(code, 0, start) + 1;
  let brace: number;
  if (match[0].startsWith("=>")) brace = start + match[0].length - 1;
  else {
    const parameters = code.indexOf("(", start);
    brace = closing(code, parameters) + 1;
    for (;;) {
      brace = code.indexOf("{", brace);
      if (brace < 0) return null;
      // A brace after a colon, a bar or an angle belongs to the type of what is returned.
      if (!/[:|<&]\s*$/.test(code.slice(0, brace))) break;
      brace = closing(code, brace) + 1;
    }
  }
  const named = match[1] ?? /(\w+)\s*(?::[^=\n]*)?=[^=\n]*$/.exec(code.slice(0, start))?.[1] ?? "";
  return { name: named || `function at line ${line}`, start, end: closing(code, brace) };
}

/** The place of the bracket that closes the one at `place`. */
function closing(code: string, place: number): number {
  let depth = 0;
  for (let at = place; at < code.length; at++) {
    const char = code[at] as string;
    if ("({[".includes(char)) depth++;
    else if (")}]".includes(char) && --depth === 0) return at;
  }
  return code.length;
}

function linesBetween(code: string, start: number, end: number): number {
  let lines = 0;
  for (let at = code.indexOf("\n", start); at >= 0 && at < end; at = code.indexOf("\n", at + 1)) lines++;
  return lines;
}
