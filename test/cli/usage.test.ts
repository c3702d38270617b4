import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../cli/program.ts';
import type { Surroundings } from '../../cli/session.ts';
import { greenlight } from './command-line.ts';

/** Every verb that does something, with its own words: `audit verify`. */
const COMMANDS = new Map(leaves(createProgram({ around: {} as Surroundings, finish: () => {} })));
const VERBS = [...COMMANDS.keys()];

function leaves(command: Command, words: string[] = []): [string, Command][] {
  const own: [string, Command][] = command.options.some(({ long }) => long === '--json') ? [[words.join(' '), command]] : [];
  return [...own, ...command.commands.flatMap((each) => leaves(each, [...words, each.name()]))];
}

describe('usage', () => {
  it.each(VERBS)('shows three pasteable examples of %s that parse', async (verb) => {
    const { exitCode, stdout, stderr } = await greenlight([...verb.split(' '), '-h']);
    expect([exitCode, stderr]).toEqual([0, '']);
    const examples = stdout.split('Examples:\n')[1]!.trim().split('\n');
    expect(examples).toHaveLength(3);
    for (const example of examples) {
      const words = example
        .trim()
        .match(/"[^"]*"|\S+/g)!
        .map((word) => word.replaceAll('"', ''))
        .filter((word) => !/^[A-Z_]+=/.test(word));
      expect(words[0]).toBe('greenlight');
      const ran = await greenlight(words.slice(1), { cwd: '/nonexistent' });
      expect(ran.stderr, example).not.toMatch(/unknown (option|command)|missing required|too many arguments/);
    }
  });

  it('takes the same options with every verb, so that a script can give them to all', () => {
    expect(VERBS.length).toBeGreaterThan(50);
    const lacking = VERBS.filter((verb) => {
      const known = COMMANDS.get(verb)!.options.map(({ long }) => long);
      return ['--json', '--artifact', '--as', '--data'].some((option) => !known.includes(option));
    });
    expect(lacking).toEqual([]);
  });

  it.each([
    [['frobnicate']],
    [['rollback', '1.0', 'prod', '--to=0.9']],
    [['promote', '1.1.0', 'prod', '--frobnicate']],
    [['promote', '1.1.0']],
    [['promote', '1.1.0', 'dev', 'over', 'prod']],
    [['promote', '', 'prod']],
    [['promote', '1.1.0', 'prod', '--justification=']],
    [['promote', '1.1.0', 'prod', '--timeout', 'soon']],
    [['promote', '1.1.0', 'prod', '--impact', 'none']],
    [['approve']],
    [['approve', 'PR-2026-0001', 'prod', 'extra']],
    [['deny', 'PR-2026-0001']],
    [['deny', 'PR-2026-0001', '--reason=']],
    [['token']],
    [['list']],
    [['status', 'prod', '--environment', 'dev']],
    [['publish', '../../etc', '.']],
    [['publish', 'latest', '.', '--artifact', 'site']],
    [['publish', 'latest-prod', '.', '--artifact', 'site']],
    [['publish', '1.0.0', '.', '--artifact', 'Site', '--registry', 'http://127.0.0.1:9']],
    [['config', 'check', '/nonexistent.yaml']],
    [['audit', 'verify', '/nonexistent']],
    [['audit', 'verify', '/nonexistent', '--key', '/nonexistent']],
    [['promote', '-1.0', 'prod']],
  ])('refuses %j with exit 2 and says why on stderr', async (argv) => {
    const { exitCode, stdout, stderr } = await greenlight(argv);
    expect(exitCode).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).not.toBe('');
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it('CLI-01 lists what exists when a command does not', async () => {
    const { stderr } = await greenlight(['frobnicate']);
    for (const verb of VERBS) expect(stderr).toContain(verb.split(' ')[0]);
  });

  it('CLI-01 shows help on stdout wherever it is asked for', async () => {
    for (const argv of [['-h'], ['--help'], ['promote', '1.0', '--help'], ['platform', 'promote', '-h'], ['deny', '-h']]) {
      const { exitCode, stdout, stderr } = await greenlight(argv);
      expect([exitCode, stderr], argv.join(' ')).toEqual([0, '']);
      expect(stdout).toContain('Usage:');
    }
  });

  it('says which API it needs, and who is meant, where nothing is set', async () => {
    const nowhere = await greenlight(['status']);
    expect([nowhere.exitCode, nowhere.stderr]).toEqual([2, expect.stringContaining('GREENLIGHT_API')]);
    const nobody = await greenlight(['status'], { env: { GREENLIGHT_API: 'http://127.0.0.1:9' } });
    expect([nobody.exitCode, nobody.stderr]).toEqual([3, expect.stringContaining('GREENLIGHT_TOKEN')]);
  });
});
