import { describe, expect, it } from 'vitest';
import { secondsOf } from '../../../core/environment/duration.ts';
import { nearest } from '../../../core/environment/nearest-word.ts';
import { splitCommand } from '../../../core/gate/command-line.ts';

describe('a length of time', () => {
  it.each<[string | number, number]>([
    ['300s', 300],
    ['5m', 300],
    ['1h', 3_600],
    ['7d', 604_800],
    ['0s', 0],
    [' 5m ', 300],
    [90, 90],
    [0, 0],
  ])('%j is %i seconds', (text, seconds) => {
    expect(secondsOf(text)).toBe(seconds);
  });
  it.each(['', '5', 'm', '5 m', '-5m', '1.5h', '5M', '5min', '1e3s', '0x5m', '٥m', '5m5s', '9999999999s', 'Infinity', '5m\nx'])(
    '%j is none',
    (text) => {
      expect(secondsOf(text)).toBeUndefined();
    },
  );
  it.each([Number.NaN, Number.POSITIVE_INFINITY, -1, 1.5, 2 ** 53])('nor is the number %d', (number) => {
    expect(secondsOf(number)).toBeUndefined();
  });
});

describe('the word that was meant', () => {
  const known = ['require_approval', 'approval_teams', 'registry', 'gates', 'ref'];
  it.each([
    ['requireApproval', 'require_approval'],
    ['require-approval', 'require_approval'],
    ['REGISTRY', 'registry'],
    ['registery', 'registry'],
    ['gate', 'gates'],
    ['approvalTeam', 'approval_teams'],
    ['rfe', undefined],
    ['something_else', undefined],
    ['', undefined],
    ['x'.repeat(100_000), undefined],
  ])('for %.20s is %s', (word, expected) => {
    expect(nearest(word, known)).toBe(expected);
  });
  it('is none where nothing is known', () => {
    expect(nearest('registry', [])).toBeUndefined();
  });
});

describe('HOOK-11: a command of a gate never reaches a shell', () => {
  it.each([
    ['make test-integration', ['make', 'test-integration']],
    ['  cosign  verify\t<artifact> ', ['cosign', 'verify', '<artifact>']],
    ['./bin/check --level=high --file a/b.json', ['./bin/check', '--level=high', '--file', 'a/b.json']],
  ])('%j is split into words', (command, argv) => {
    expect(splitCommand(command)).toEqual({ ok: true, argv });
  });

  it.each([
    ...[
      'make test; rm -rf /',
      'make test && id',
      'make | sh',
      'echo $(id)',
      'echo `id`',
      'echo $HOME',
      'a > /etc/x',
      'a < b',
      'a & b',
      'a\nid',
      'a\r\nid',
    ],
    ...[
      'echo "a b"',
      "echo 'a'",
      'ls *',
      'ls ?',
      'a {b,c}',
      'a [b]',
      'a ~/x',
      'a # b',
      'a !b',
      'a \\ b',
      '(id)',
      'x<artifact>',
      '{{7*7}}',
      '\u0024{7*7}',
      'a\0b',
    ],
  ])('%j is refused', (command) => {
    expect(splitCommand(command)).toMatchObject({ ok: false, reason: expect.stringContaining('shell character') });
  });

  it.each(['sh', 'bash', '/bin/sh', '/usr/bin/env', './zsh', 'sudo', 'xargs', 'cmd', 'pwsh', 'busybox'])(
    '%s as program is refused',
    (shell) => {
      expect(splitCommand([shell, '-c', 'id'])).toMatchObject({ ok: false, reason: expect.stringContaining('does not start a shell') });
      expect(splitCommand(`${shell} x`)).toMatchObject({ ok: false });
    },
  );

  it('words of a list are data, whatever they hold', () => {
    const argv = ['make', '; rm -rf x', '$(id)', '`id`', 'a b', '{{7*7}}', '$.x', 'States.Format', '-rf', 'line\nline'];
    expect(splitCommand(argv)).toEqual({ ok: true, argv });
    expect(splitCommand(['make', 'a\0b'])).toMatchObject({ ok: false });
  });

  it.each<[string, string | string[]]>([
    ['nothing', ''],
    ['white space', '  \t '],
    ['an empty list', []],
    ['an empty program', ['']],
  ])('%s is no command', (_name, command) => {
    expect(splitCommand(command)).toEqual({ ok: false, reason: 'the command is empty' });
  });
});
