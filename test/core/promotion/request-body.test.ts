import { describe, expect, it } from 'vitest';
import { editBodySchema, requestBodySchema } from '../../../core/promotion/request-body.ts';
import { visibleLength } from '../../../core/promotion/visible-length.ts';
import { requestBody } from './fixture.ts';

type Change = (body: Record<string, Record<string, unknown>>) => void;

function accepts(change: Change = () => {}) {
  const body = structuredClone(requestBody()) as unknown as Record<string, Record<string, unknown>>;
  change(body);
  return requestBodySchema.safeParse(body).success;
}
const request = (field: string, value: unknown) =>
  accepts((body) => {
    body['request']![field] = value;
  });
const target = (field: string, value: unknown) =>
  accepts((body) => {
    body['target']![field] = value;
  });
const evidence = (value: unknown) =>
  accepts((body) => {
    body['preChecks']!['testEvidenceUrl'] = value;
  });

it('takes what the contract shows', () => {
  expect(accepts()).toBe(true);
});

describe('REST-01: fields that only the system sets are unknown at every level', () => {
  it.each(['status', 'approvedBy', 'tenant', 'createdBy', 'id', 'phase', 'planHash', 'requester'])('%s', (field) => {
    for (const level of [undefined, 'target', 'request', 'preChecks']) {
      const change: Change = (body) => {
        (level === undefined ? body : body[level]!)[field] = 'approved' as never;
      };
      expect(accepts(change), `${level}`).toBe(false);
    }
    expect(editBodySchema.safeParse({ [field]: 'approved' }).success).toBe(false);
  });
});

it('REST-02: __proto__ is an unknown field and changes no prototype', () => {
  const text = JSON.stringify(requestBody());
  for (const place of ['"target":{', '"request":{', '"preChecks":{']) {
    const poisoned = JSON.parse(text.replace(place, `${place}"__proto__":{"role":"cpi-admin"},`)) as unknown;
    expect(requestBodySchema.safeParse(poisoned).success, place).toBe(false);
  }
  const top = JSON.parse(`{"__proto__":{"role":"cpi-admin"},${text.slice(1)}`) as unknown;
  expect(requestBodySchema.safeParse(top).success).toBe(false);
  expect(({} as Record<string, unknown>)['role']).toBeUndefined();
});

describe('REST-08: a scheduled date', () => {
  it.each(['2026-11-20T09:30:00Z', '2026-11-20T09:30:00.123456Z', '2028-02-29T00:00:00+14:00', null, undefined])('may be %s', (date) => {
    expect(request('scheduledDate', date)).toBe(true);
  });
  it.each([
    ...['2026-02-30T10:00:00Z', '2026-02-29T10:00:00Z', '2026-13-01T00:00:00Z', '2026-00-10T00:00:00Z', '2026-04-31T00:00:00Z'],
    ...['2026-11-20T23:59:60Z', '2026-11-20T24:00:00Z', '2026-11-20T10:60:00Z', '+275760-09-13T00:00:01Z', '0000-00-00T00:00:00Z'],
    ...['2026-11-20', '2026-11-20T09:30:00', '2026-11-20T09:30Z', '2026-11-20 09:30:00Z', '2026-11-20T09:30:00+24:00'],
    ...['1763631000', 1_763_631_000, '', 'tomorrow', true, {}, '2026-11-20T09:30:00Z\n', '２026-11-20T09:30:00Z'],
  ])('may not be %s', (date) => {
    expect(request('scheduledDate', date)).toBe(false);
  });
});

it('REST-09: numbers and words where something else is asked are refused', () => {
  for (const value of [Number.POSITIVE_INFINITY, -1, 0, 7.5, '7', Number.MAX_SAFE_INTEGER + 2, null, [], 'CRITICAL', 'none'])
    expect(request('impactAssessment', value)).toBe(false);
  for (const value of ['true', 1, 0, null, 'yes'])
    expect(
      accepts((body) => {
        body['preChecks']!['stagingTestsPassed'] = value;
      }),
    ).toBe(false);
  expect(
    accepts((body) => {
      body['approvalTimeoutDays'] = Number.POSITIVE_INFINITY as never;
    }),
  ).toBe(false);
});

describe('REST-10: a justification needs 20 characters that a reader sees', () => {
  it.each([
    ['twenty characters xx!!', true],
    ['nineteen characters', false],
    [' '.repeat(20), false],
    ['\u200b'.repeat(20), false],
    ['\u00a0\u2003\ufeff\u00ad'.repeat(20), false],
    [`nineteen characters${'\u200b'.repeat(50)}`, false],
    // Hangul fillers and the braille pattern without dots are letters and symbols to Unicode, and nothing to the eye.
    ['\u3164\u115f\uffa0\u2800'.repeat(20), false],
    ['漢字'.repeat(10), true],
    ['x'.repeat(20_000), true],
    ['x'.repeat(20_001), false],
    ['x'.repeat(1_000_000), false],
  ])('%#', (text, isEnough) => {
    expect(request('justification', text)).toBe(isEnough);
  });

  it('counts what is seen', () => {
    expect(visibleLength(' a\u200b\tb\u202e😀 ')).toBe(3);
  });
});

describe('REST-11: a version is a tag or a digest in lower case', () => {
  const hex = 'a'.repeat(64);
  it.each(['2.1.0', 'v2.1.0-rc1', '_x', 'A'.repeat(128), `sha256:${hex}`])('%s', (version) => {
    expect(target('version', version)).toBe(true);
  });
  it.each([
    ...[`sha256:${'A'.repeat(64)}`, `sha256:${hex.slice(1)}`, `sha256:${hex}a`, `sha512:${hex}`, `sha256:${hex}\n`, `\n2.1.0`, '2.1.0\n'],
    ...[
      '',
      ' 2.1.0',
      '.1',
      '-rm',
      'a/b',
      '../x',
      'a:b',
      'x'.repeat(129),
      '\u0024{7*7}',
      '{{7*7}}',
      '$(id)',
      '`id`',
      "1;DROP TABLE'",
      2.1,
      null,
    ],
  ])('not %j', (version) => {
    expect(target('version', version)).toBe(false);
  });
  it('and says so with its own code', () => {
    const { error } = requestBodySchema.safeParse(requestBody({ version: 'a b' }));
    expect(error?.issues[0]).toMatchObject({ path: ['target', 'version'], params: { code: 'INVALID_REF' } });
  });
});

describe('REST-12 and REST-25: an artifact is a repository name in ASCII, and no address', () => {
  it.each(['payment-api', 'team/payment-api', 'a.b_c-d/e'])('%s', (name) => {
    expect(target('name', name)).toBe(true);
  });
  it.each([
    ...[
      'oci://registry@evil.tld/x',
      'oci://registry\\@evil',
      'http://evil.tld/x',
      'file:///etc/passwd',
      'user:pw@host/x',
      'host:0/x',
      '%2e%2e/x',
    ],
    ...[
      'payment-api\u202e',
      'pаyment-api',
      'Payment-Api',
      'a//b',
      '/a',
      'a/',
      '../a',
      'a..b',
      'a\n',
      '',
      'x'.repeat(129),
      '__proto__',
      'a b',
    ],
  ])('not %j', (name) => {
    expect(target('name', name)).toBe(false);
  });
  it('so are environments and registries', () => {
    for (const name of ['Prod', 'prod\n', 'рrod', '../prod', 'prod ', '', 'p'.repeat(40)]) {
      expect(target('targetEnvironment', name), name).toBe(false);
      expect(
        accepts((body) => {
          body['registries'] = [name] as never;
        }),
      ).toBe(false);
    }
  });
});

describe('REST-24: free text', () => {
  it.each(['\u0000', '\u0007', '\u001b[31m', '\r', '\u009f', '\ud800', '\udfff', '\u202e', '\u2066', '\u202a'])(
    'may not hold %j',
    (bad) => {
      expect(request('releaseNotes', `some ${bad} text`)).toBe(false);
    },
  );
  it('may hold lines, tabs, any script, and U+2028, which every output escapes', () => {
    for (const text of [
      'a\n\tb',
      'Ünïcødé 漢字 עברית 😀',
      'a\u2028b',
      '<script>alert(1)</script>',
      "'; DROP TABLE x; --",
      '{{7*7}} \u0024{7*7} $.x',
    ])
      expect(request('releaseNotes', text), text).toBe(true);
  });
  it('is stored with one kind of line end and in one normal form', () => {
    const { data } = requestBodySchema.safeParse(requestBody({}, { releaseNotes: 'a\r\nbe\u0301' }));
    expect(data?.request.releaseNotes).toBe('a\nb\u00e9');
  });
});

describe('the address of the test evidence is a web address without a password', () => {
  it.each(['https://ci.example.com/1', 'http://ci.example.com:8080/x?y=z#a'])('%s', (url) => expect(evidence(url)).toBe(true));
  it.each([
    ...['javascript:alert(1)', 'data:text/html,x', 'file:///etc/passwd', 'ftp://x/y', '//x/y', '/x', 'ci.example.com', ''],
    ...['https://user@x/', 'https://user:pw@x/', 'https://x/\n', ' https://x/', 'https://x /', `https://x/${'a'.repeat(2000)}`],
  ])('not %j', (url) => expect(evidence(url)).toBe(false));
});

it('an edit takes any part of it and checks that part the same', () => {
  expect(editBodySchema.safeParse({}).success).toBe(true);
  expect(editBodySchema.safeParse({ request: { impactAssessment: 'high' } }).success).toBe(true);
  expect(editBodySchema.safeParse({ target: { version: '1.2.0' }, preChecks: { securityScanPassed: false } }).success).toBe(true);
  expect(editBodySchema.safeParse({ request: { justification: 'too short' } }).success).toBe(false);
  expect(editBodySchema.safeParse({ request: { approved: true } }).success).toBe(false);
});
