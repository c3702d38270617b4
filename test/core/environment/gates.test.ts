import { describe, expect, test } from 'vitest';
import { readConfiguration } from '../../../core/environment/configuration-file.ts';

function gateOf(lines: string) {
  const result = readConfiguration(`gates:\n  checked:\n${lines.replace(/^/gm, '    ')}`, { complete: false });
  if (!result.ok) return { problems: result.problems };
  return { gate: result.configuration.gates['checked'] };
}

const exception = (more: string) => `type: vulnerability\nexceptions:\n  - id: CVE-2026-1234\n${more.replace(/^/gm, '    ')}`;
const REASON = 'reason: The vulnerable function is not linked into the image';

describe('a vulnerability gate', () => {
  test('bounds the severities that it names, and only those', () => {
    expect(gateOf('type: vulnerability\nallowed: { CRITICAL: 0, UNTRIAGED: 3 }').gate).toMatchObject({
      allowed: { CRITICAL: 0, UNTRIAGED: 3 },
    });
    expect(gateOf('type: vulnerability\nallowed: { SEVERE: 0 }').problems).toHaveLength(1);
  });

  test('takes exceptions with their reason and their last day, in UTC', () => {
    expect(gateOf(exception(`package: openssl\n${REASON}\nuntil: 2026-12-31\napproved_by: security@example.com`)).gate).toMatchObject({
      exceptions: [
        {
          id: 'CVE-2026-1234',
          package: 'openssl',
          reason: 'The vulnerable function is not linked into the image',
          until: '2027-01-01T00:00:00.000Z',
          approvedBy: 'security@example.com',
        },
      ],
    });
    expect(gateOf(exception(`${REASON}\nuntil: "2026-12-31T12:00:00+02:00"`)).gate).toMatchObject({
      exceptions: [{ until: '2026-12-31T10:00:00.000Z' }],
    });
  });

  test.each([
    ['without a reason', 'until: 2026-12-31', 'no sufficient reason', '20 visible characters'],
    ['with a short reason', 'reason: not reachable\nuntil: 2026-12-31', 'no sufficient reason', '20 visible characters'],
    ['with a reason that shows nothing', `reason: "${'\\u200b'.repeat(30)}"\nuntil: 2026-12-31`, 'no sufficient reason', 'visible'],
    ['without an end', REASON, 'has no end', 'until: 2026-12-31'],
    ['until a day that does not exist', `${REASON}\nuntil: 2026-02-30`, 'has no end', 'until: 2026-12-31'],
    ['until a word', `${REASON}\nuntil: forever`, 'has no end', 'until: 2026-12-31'],
    ['until an instant without offset', `${REASON}\nuntil: 2026-12-31T10:00:00`, 'has no end', 'until: 2026-12-31'],
  ])('refuses an exception %s, and says what to write', (_name, lines, message, hint) => {
    const { problems } = gateOf(exception(lines));
    expect(problems).toEqual([expect.objectContaining({ message: expect.stringContaining(message), hint: expect.stringContaining(hint) })]);
  });

  test('points to the line of the exception', () => {
    const { problems } = gateOf(`type: vulnerability\nexceptions:\n  - id: CVE-2026-1\n    ${REASON}\n    until: never`);
    expect(problems).toMatchObject([{ line: 7 }]);
  });

  test('suggests the key that was meant', () => {
    expect(gateOf(exception(`${REASON}\nuntill: 2026-12-31`)).problems).toMatchObject([{ hint: 'did you mean "until"?' }]);
  });

  test('bounds the age of a scan', () => {
    expect(gateOf('type: vulnerability\nmax_scan_age: 7d').gate).toMatchObject({ maxScanAgeSeconds: 604_800 });
    expect(gateOf('type: vulnerability\nmax_scan_age: soon').problems).toHaveLength(1);
    expect(gateOf('type: vulnerability\nmax_scan_age: 0').problems).toHaveLength(1);
  });
});

describe('a signature gate', () => {
  const KEYS = 'type: signature\nkeys: ["ssm:/greenlight/a", "ssm:/greenlight/b"]';

  test('may demand several keys and attestations', () => {
    expect(gateOf(`${KEYS}\nmin: 2\nrequire: [signature, sbom, "https://example.com/reviewed/v1"]`).gate).toEqual({
      name: 'checked',
      type: 'signature',
      timeoutSeconds: 300,
      keys: ['ssm:/greenlight/a', 'ssm:/greenlight/b'],
      min: 2,
      require: ['signature', 'sbom', 'https://example.com/reviewed/v1'],
    });
  });

  test.each([
    ['more keys than there are', `${KEYS}\nmin: 3`],
    ['more keys than different names', 'type: signature\nkeys: ["ssm:/a", "ssm:/a"]\nmin: 2'],
    ['several signatures while it requires none', `${KEYS}\nmin: 2\nrequire: [sbom]`],
    ['what has no name', `${KEYS}\nrequire: [sbomb]`],
    ['nothing', `${KEYS}\nrequire: []`],
    ['what belongs to another type', `${KEYS}\nexceptions: []`],
  ])('may not demand %s', (_name, lines) => {
    expect(gateOf(lines).problems).toHaveLength(1);
  });
});
