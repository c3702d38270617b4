import { describe, expect, it } from 'vitest';
import { parseYaml } from '../../../core/environment/parse-yaml.ts';

function problems(text: string) {
  const result = parseYaml(text);
  return result.ok ? [] : result.problems;
}

function value(text: string): unknown {
  const result = parseYaml(text);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.value;
}

describe('what is read', () => {
  it('are plain values by the core schema: no dates, no yes and no, no merge keys', () => {
    expect(value('{ a: yes, b: no, c: 2026-01-01, d: true, e: 0x10, f: 1e3, g: null, h: "1", i: on }')).toEqual({
      ...{ a: 'yes', b: 'no', c: '2026-01-01', d: true, e: 16, f: 1000, g: null, h: '1', i: 'on' },
    });
    expect(value('base: &b { x: 1 }\nother:\n  <<: *b\n  y: 2\n')).toEqual({ base: { x: 1 }, other: { '<<': { x: 1 }, y: 2 } });
  });

  it('knows the line of every key and item', () => {
    const result = parseYaml('\ufeffa:\n  b:\n    - x\n    - y\n  c: 1\n');
    if (!result.ok) throw new Error();
    expect([['a'], ['a', 'b'], ['a', 'b', 1], ['a', 'c'], ['nowhere'], []].map((path) => result.lineOf(path))).toEqual([1, 2, 4, 5, 1, 1]);
  });

  it('keeps __proto__ a plain key of nothing else', () => {
    const result = value('a: { __proto__: { admin: true } }') as { a: Record<string, unknown> };
    expect(result.a['admin']).toBeUndefined();
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
  });
});

describe('what is refused', () => {
  it.each<[string, string, number]>([
    ['a key twice', 'a: 1\nb: 2\na: 3\n', 3],
    ['a second document', 'a: 1\n---\nb: 2\n', 2],
    ['a tab as indentation', 'a:\n\tb: 1\n', 2],
    ['an alias of nothing', 'a: *b\n', 1],
    ['a bracket that stays open', 'a: [1\nb: 2\n', 2],
  ])('%s, with its line', (_name, text, line) => {
    const found = problems(text);
    expect(found).not.toEqual([]);
    expect(found[0]!.message).not.toBe('');
    expect(Math.abs(found[0]!.line - line)).toBeLessThanOrEqual(1);
  });

  it('tags that make anything but plain values', () => {
    for (const text of ['a: !!js/function "x"', 'a: !ruby/object:Gem {}', 'a: !!python/object/apply:os.system [id]']) {
      const result = parseYaml(text);
      // What is not refused is plain text or data: nothing was made or called.
      if (result.ok) expect(JSON.parse(JSON.stringify(result.value))).toEqual(result.value);
    }
  });

  it('what is too large, too deep, has too many values or aliases, quickly', () => {
    const started = performance.now();
    expect(problems('x'.repeat(256 * 1024 + 1))[0]!.message).toContain('256 KiB');
    expect(problems(`a: [${'1,'.repeat(5_000)}1]`)[0]!.message).toContain('5000 values');
    expect(problems(`a: &a 1\nb: [${'*a,'.repeat(100)}*a]`)[0]!.message).toContain('100 aliases');
    expect(problems(`${'['.repeat(80)}1${']'.repeat(80)}`)[0]!.message).toContain('32 levels');
    const levels = Array.from(
      { length: 20 },
      (_, index) => `l${index + 1}: &l${index + 1} [*l${index}, *l${index}, *l${index}, *l${index}]`,
    );
    expect(problems(['l0: &l0 [x, x]', ...levels].join('\n'))).not.toEqual([]);
    expect(performance.now() - started).toBeLessThan(20_000);
  });

  it('nesting of every kind, however deep, without going down into it', () => {
    const deep = [
      '['.repeat(5_000),
      `${'['.repeat(1000)}${']'.repeat(1000)}`,
      '{a: '.repeat(5_000),
      `${'- '.repeat(5_000)}a`,
      `${'? '.repeat(5_000)}a`,
    ];
    for (const text of deep) expect(problems(text)[0]!.message).toContain('32 levels');
    const indented = Array.from({ length: 40 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n');
    expect(problems(indented)[0]!.message).toContain('32 levels');
    expect(parseYaml(`${'['.repeat(32)}1${']'.repeat(32)}`).ok).toBe(true);
  });

  it('bytes that are no UTF-8', () => {
    expect(problems(Buffer.from([0x61, 0x3a, 0x20, 0xff, 0xfe]).toString('utf8'))[0]!.message).toContain('UTF-8');
  });
});
