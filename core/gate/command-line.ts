/** Splits a command string into words. No shell ever sees it, so a string that would need one is refused. */

export type CommandLine = { ok: true; argv: string[] } | { ok: false; reason: string };

/** Characters that mean something to a shell; quoting is not offered: an argv list says the same without it. */
const SHELL_CHARACTER = /[;&|<>$`\\"'*?()[\]{}~#!\n\r\0]/;
const SHELLS = new Set([
  'sh',
  'bash',
  'dash',
  'zsh',
  'ksh',
  'fish',
  'csh',
  'tcsh',
  'busybox',
  'cmd',
  'powershell',
  'pwsh',
  'env',
  'xargs',
  'eval',
  'exec',
  'sudo',
]);
/** Word that stands for the artifact under test, `registry/repository@digest`. */
export const ARTIFACT_WORD = '<artifact>';

/** `command` may come from an attacker who can edit the configuration's review request: it is data, never a program text. */
export function splitCommand(command: string | readonly string[]): CommandLine {
  const argv = typeof command === 'string' ? command.trim().split(/[ \t]+/) : [...command];
  if (argv.length === 0 || argv[0] === '') return { ok: false, reason: 'the command is empty' };
  if (typeof command === 'string') {
    const bad = argv.find((word) => word !== ARTIFACT_WORD && SHELL_CHARACTER.test(word));
    if (bad !== undefined) return { ok: false, reason: `"${bad}" holds a shell character; write the command as a list of words` };
  }
  const program = argv[0]!.split('/').at(-1)!;
  if (SHELLS.has(program)) return { ok: false, reason: `a gate does not start a shell (${program}); name the program itself` };
  if (argv.some((word) => word.includes('\0'))) return { ok: false, reason: 'a word holds a NUL character' };
  return { ok: true, argv };
}
