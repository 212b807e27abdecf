// `lockmgr completion`: scripts that let a shell complete commands and options, made from the very commands that are served.

import type { Command } from "commander";
import { acts, argument } from "./command.ts";
import { usageError } from "./exit.ts";

interface Words {
  /** The words that lead to the command; none for the program itself. */
  readonly path: readonly string[];
  readonly description: string;
  readonly commands: readonly string[];
  readonly flags: readonly Flag[];
}

interface Flag {
  readonly long: string;
  readonly short: string | null;
  readonly takesValue: boolean;
  readonly description: string;
}

const writers: Readonly<Record<string, (words: readonly Words[]) => string>> = { bash, zsh, fish };

export function addCompletionCommand(program: Command): void {
  const command = program
    .command("completion <shell>")
    .description("print the completion script of a shell: bash, zsh or fish");
  acts(command, async (call) => {
    const shell = argument(call, 0, "the shell");
    const writer = writers[shell];
    if (writer === undefined) throw usageError("completion knows bash, zsh and fish");
    call.output.raw(writer(wordsOf(program)));
  });
}

function wordsOf(command: Command, path: readonly string[] = []): Words[] {
  const inner = command.commands.filter((each) => each.name() !== "help");
  const flags = command.options.map(({ long, short, required, optional, description }) => ({
    long: long ?? "",
    short: short ?? null,
    takesValue: required || optional,
    description,
  }));
  return [
    { path, description: command.description(), commands: inner.map((each) => each.name()), flags },
    ...inner.flatMap((each) => wordsOf(each, [...path, each.name()])),
  ];
}

const allFlags = ({ flags }: Words, [program]: readonly Words[]): string[] =>
  [...new Set([...flags, ...(program?.flags ?? [])])].flatMap(({ long, short }) =>
    short === null ? [long] : [long, short],
  );

/** Flags after which a word is their value, and no command. */
const valued = (words: readonly Words[]): string[] => [
  ...new Set(
    words.flatMap(({ flags }) =>
      flags
        .filter(({ takesValue }) => takesValue)
        .flatMap(({ long, short }) => (short === null ? [long] : [long, short])),
    ),
  ),
];

/** The branches that find the command that is being typed. */
const branches = (words: readonly Words[]): string =>
  words
    .filter(({ path }) => path.length > 0)
    .map(({ path }) => `      "${path.join(" ")}") at="${path.join(" ")}" ;;`)
    .join("\n");

const offers = (words: readonly Words[]): string =>
  words
    .map(
      (each) =>
        `    "${each.path.join(" ")}") offers="${[...each.commands, ...allFlags(each, words), "--help"].join(" ")}" ;;`,
    )
    .join("\n");

/** What bash and zsh have in common: goes through the words before the current one, to where they lead, and offers what fits there. */
const walk = (words: readonly Words[]): string => `    case "$before" in
      ${valued(words).join("|")}) before=""; continue ;;
    esac
    before="$word"
    case "\${at:+$at }$word" in
${branches(words)}
    esac
  done
  case "$before" in
    ${valued(words).join("|")}) return ;;
  esac
  case "$at" in
${offers(words)}
  esac`;

function bash(words: readonly Words[]): string {
  return `# bash completion of lockmgr: source <(lockmgr completion bash)
_lockmgr() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="" at="" word offers="" i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    if [[ $word == -- ]]; then
      COMPREPLY=($(compgen -c -f -- "$current"))
      return
    fi
${walk(words)}
  COMPREPLY=($(compgen -W "$offers" -- "$current"))
}
complete -F _lockmgr lockmgr
`;
}

function zsh(words: readonly Words[]): string {
  return `#compdef lockmgr
# zsh completion of lockmgr: source <(lockmgr completion zsh)
_lockmgr() {
  local before="" at="" word offers="" i
  for ((i = 2; i < CURRENT; i++)); do
    word="\${words[i]}"
    if [[ $word == -- ]]; then
      _command_names -e
      return
    fi
${walk(words)}
  compadd -- \${(s: :)offers}
}
compdef _lockmgr lockmgr
`;
}

/** In single quotes of fish. */
const quoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

function fish(words: readonly Words[]): string {
  const [program] = words;
  const lines = ["# fish completion of lockmgr: lockmgr completion fish | source", "complete -c lockmgr -f"];
  const describe = (name: string, path: readonly string[]) =>
    words.find((each) => each.path.join(" ") === [...path, name].join(" "))?.description ?? "";
  for (const { path, commands, flags } of words) {
    const seen = path.map((word) => `__fish_seen_subcommand_from ${word}`);
    const none = commands.length === 0 ? [] : [`not __fish_seen_subcommand_from ${commands.join(" ")}`];
    const when = quoted([...seen, ...none].join("; and "));
    for (const name of commands)
      lines.push(`complete -c lockmgr -n ${when} -a ${name} -d ${quoted(describe(name, path))}`);
    for (const { long, short, takesValue, description } of flags) {
      const condition = path.length === 0 ? "" : ` -n ${quoted(seen.join("; and "))}`;
      const letter = short === null ? "" : ` -s ${short.slice(1)}`;
      lines.push(
        `complete -c lockmgr${condition} -l ${long.slice(2)}${letter}${takesValue ? " -x" : ""} -d ${quoted(description)}`,
      );
    }
  }
  return `${[...lines, program === undefined ? "" : "complete -c lockmgr -l help -s h -d 'print help'"].join("\n")}\n`;
}
