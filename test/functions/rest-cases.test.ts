import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { mockClient } from 'aws-sdk-client-mock';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { artifactName } from '../../core/promotion/request-body.ts';
import { ROUTES } from '../../functions/routes.ts';
import { expectDescribed } from './described.ts';
import { createRequest, openApproval, outcome, requestBody } from './requests.ts';
import { startWorld, type World } from './world.ts';
import {
  effects,
  inEachObject,
  openReview,
  REASON,
  tomorrow,
  type WriteSurface,
  withEachKeyTwice,
  writeSurfaces,
} from './write-surfaces.ts';

const LIST = '/v1/requests/staging';
const DRY = `${LIST}/preview?store=false`;

let world: World;
let surfaces: WriteSurface[];

beforeAll(async () => {
  mockClient(SecretsManagerClient).on(GetSecretValueCommand).resolves({ SecretString: 'hmac secret' });
  world = await startWorld();
  surfaces = await writeSurfaces(world);
});
afterAll(() => world.close());
afterEach(() => {
  vi.useRealTimers();
});

const send = ({ method, path, as }: WriteSurface, body: unknown, headers: Record<string, string> = {}) =>
  world.call(method, path, { as, body, headers });
const surface = (name: string) => surfaces.find((candidate) => candidate.name === name)!;
const plan = (change: Parameters<typeof requestBody>[0]) => world.call('POST', DRY, { as: 'dev', body: requestBody(change) });

/** Every way in that takes a prose text, with the fewest visible characters that it takes. */
function texts(): [string, number, (text: string) => ReturnType<typeof send>][] {
  const create = surface('create');
  const asRequest = (field: string) => (text: string) => send(create, requestBody({ request: { [field]: text } }));
  return [
    ['justification', 20, asRequest('justification')],
    ['releaseNotes', 1, asRequest('releaseNotes')],
    ['rollbackPlan', 1, asRequest('rollbackPlan')],
    ['edit', 20, (text) => send(surface('edit'), { request: { justification: text } })],
    ['comment', 0, (text) => send(surface('approve'), { comment: text })],
    ['reject', 10, (reason) => send(surface('reject'), { reason })],
    ['break-glass', 20, (reason) => send(surface('break-glass'), { gate: 'policy', reason })],
    ['review', 10, (finding) => send(surface('review'), { outcome: 'justified', finding })],
  ];
}

describe('fields', () => {
  it('REST-01: those that only the system sets are unknown in every write and at every level, and change nothing', async () => {
    const before = await effects(world);
    for (const each of surfaces) {
      for (const field of ['status', 'approvedBy', 'tenant', 'createdBy', 'id', 'requester', 'owner', 'Reason']) {
        for (const text of inEachObject(each.body, `"${field}":"approved"`)) {
          const answer = await send(each, text);
          expect(outcome(answer), `${each.name} ${text}`).toBe('400 UNKNOWN_FIELD');
          expect(answer.json.errors[0].path, text).toMatch(new RegExp(`/${field}$`));
        }
      }
    }
    expect(await effects(world)).toBe(before);
  });

  it('REST-02: those that reach prototypes are unknown in every write, at every level and in every spelling', async () => {
    const before = await effects(world);
    for (const each of surfaces) {
      for (const key of ['__proto__', '\\u005f_proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '__defineGetter__']) {
        for (const text of inEachObject(each.body, `"${key}":{"role":"cpi-admin"}`))
          expect(outcome(await send(each, text)), `${each.name} ${text}`).toBe('400 UNKNOWN_FIELD');
      }
    }
    expect(({} as { role?: string }).role).toBeUndefined();
    expect(await effects(world)).toBe(before);
  });

  it('C50: none is given twice, at any level, in any spelling', async () => {
    const before = await effects(world);
    for (const each of surfaces) {
      for (const text of withEachKeyTwice(each.body)) expect(outcome(await send(each, text)), text).toBe('400 DUPLICATE_KEY');
    }
    expect(await effects(world)).toBe(before);
  });

  it('are of the type that the schema says', async () => {
    const before = await effects(world);
    for (const each of surfaces) {
      for (const body of ['null', '[]', '"text"', '7', 'true', '{', '[{}]', '\ufeff{}'])
        expect(outcome(await send(each, body)), `${each.name} ${body}`).toBe('400 INVALID_REQUEST');
      for (const field of Object.keys(each.body)) {
        for (const wrong of [[], {}, true, 7, null]) {
          if (JSON.stringify(each.body[field]).startsWith('{') && JSON.stringify(wrong) === '{}') continue;
          expect((await send(each, { ...each.body, [field]: wrong })).status, `${each.name} ${field} ${wrong}`).toBe(400);
        }
      }
    }
    expect(await effects(world)).toBe(before);
  });
});

/** What grows faster than its input needs minutes for these; milliseconds are enough otherwise, on however slow a machine. */
const EXPLODED_MS = 2_000;

/** CPU time of this process in milliseconds: the wall clock tells what others do as well. */
async function cpuOf(act: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await act();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

describe('bodies', () => {
  it('REST-05: of nothing but brackets are refused at once', async () => {
    for (const [name, text] of [
      ['arrays', '['.repeat(200_000)],
      ['objects', '{"a":'.repeat(40_000)],
      ['closed arrays', `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
      ['closed objects', `${'{"a":'.repeat(40_000)}1${'}'.repeat(40_000)}`],
    ] as const) {
      const spent = await cpuOf(async () => {
        expect(outcome(await send(surface('create'), text)), name).toBe('400 INVALID_REQUEST');
      });
      expect(spent, name).toBeLessThan(EXPLODED_MS);
    }
    expect((await world.call('GET', LIST, { as: 'dev' })).status).toBe(200);
  });

  it('REST-06: are JSON in UTF-8 in every write, and said so before who it is', async () => {
    for (const { method, path, body, name } of surfaces) {
      for (const type of [
        ...['text/plain', 'multipart/form-data; boundary=x', 'application/x-www-form-urlencoded', 'application/json;charset=utf-7', ''],
        ...[
          'application/json; charset=utf-16',
          'text/json',
          'application/jsonp',
          'application/json, text/plain',
          'application/problem+json',
        ],
      ]) {
        const answer = await world.call(method, path, { body, headers: { 'content-type': type } });
        expect(outcome(answer), `${name} ${type}`).toBe('415 UNSUPPORTED_MEDIA_TYPE');
        expect(answer.headers['accept']).toBe('application/json');
      }
      const zipped = await world.call(method, path, { body, headers: { 'content-encoding': 'gzip' } });
      expect(outcome(zipped), name).toBe('415 UNSUPPORTED_MEDIA_TYPE');
    }
  });

  it('that are missing where something must be said are refused', async () => {
    for (const each of ['create', 'edit', 'reject', 'break-glass', 'delegation', 'review', 'token'].map(surface)) {
      expect(outcome(await world.call(each.method, each.path, { as: each.as })), each.name).toBe('415 UNSUPPORTED_MEDIA_TYPE');
      const empty = await world.call(each.method, each.path, { as: each.as, body: '' });
      expect(outcome(empty), each.name).toBe('400 INVALID_REQUEST');
    }
  });
});

describe('dates', () => {
  const NONE = [
    ...['2026-11-20T23:59:60Z', '+275760-09-13T00:00:00Z', '+275760-09-13T00:00:01Z', '2026-11-20T09:30:00', '2026-11-20', ''],
    ...['2026-02-30T10:00:00Z', '2027-02-29T10:00:00Z', '2026-13-01T00:00:00Z', '2026-11-20T24:00:00Z', '2026-11-20T09:30:00+24:00'],
    ...['1763631000', 'tomorrow', '2026-11-20T09:30:00Z\n', '2026-11-20t09:30:00z', '２026-11-20T09:30:00Z', '-000001-01-01T00:00:00Z'],
  ];
  const schedule = (date: unknown) => plan({ request: { scheduledDate: date } });

  it('REST-08: that are none are refused wherever a date is taken', async () => {
    for (const date of NONE) {
      expect(outcome(await schedule(date)), date).toBe('400 INVALID_DATE');
      expect(outcome(await send(surface('edit'), { request: { scheduledDate: date } })), date).toBe('400 INVALID_DATE');
      expect(outcome(await send(surface('delegation'), { until: date })), date).toBe('400 INVALID_DATE');
      expect(outcome(await send(surface('delegation'), { since: date, until: tomorrow() })), date).toBe('400 INVALID_DATE');
    }
    for (const date of [1_763_631_000, true, {}, []]) {
      expect((await schedule(date)).status, String(date)).toBe(400);
      expect((await send(surface('delegation'), { until: date })).status, String(date)).toBe(400);
    }
    expect(
      outcome(
        await send(surface('create'), JSON.stringify(requestBody()).replace('"justification"', '"scheduledDate":1e999,"justification"')),
      ),
    ).toBe('400 INVALID_REQUEST');
  });

  it('REST-08: are taken exactly when the calendar has them', async () => {
    const two = (number: number) => String(number).padStart(2, '0');
    const part = (most: number) => fc.integer({ min: 0, max: most }).map(two);
    const offset = fc.constantFrom('Z', '+00:00', '-11:30', '+14:00');
    // Ahead of whoever runs this, and with a leap year among them.
    const year = new Date().getUTCFullYear();
    const parts = fc.tuple(fc.integer({ min: year + 2, max: year + 7 }), part(14), part(33), part(25), part(61), part(61), offset);
    await fc.assert(
      fc.asyncProperty(parts, async ([year, month, day, hour, minute, second, zone]) => {
        const days = new Date(Date.UTC(year, Number(month), 0)).getUTCDate();
        const isDate = Number(month) >= 1 && Number(month) <= 12 && Number(day) >= 1 && Number(day) <= days;
        const isTime = Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60;
        const answer = await schedule(`${year}-${month}-${day}T${hour}:${minute}:${second}${zone}`);
        expect(outcome(answer)).toBe(isDate && isTime ? '200' : '400 INVALID_DATE');
      }),
      { numRuns: 60 },
    );
  });
});

describe('numbers', () => {
  it('REST-09: that are out of range, not whole or no numbers are refused', async () => {
    const before = await effects(world);
    for (const number of [
      '1e999',
      '-1e999',
      '-1',
      '0',
      '-0',
      '7.5',
      '"7"',
      '9007199254740993',
      '366',
      'null',
      'true',
      '[7]',
      '{}',
      '1e-7',
      '1e300',
    ])
      expect(outcome(await send(surface('token'), `{"name":"nightly","expiresInDays":${number}}`)), number).toBe('400 INVALID_REQUEST');
    for (const number of ['NaN', 'Infinity', '07', '0x7', '7_0', '+7', '.7'])
      expect(outcome(await send(surface('token'), `{"name":"nightly","expiresInDays":${number}}`)), number).toBe('400 INVALID_REQUEST');
    expect(outcome(await send(surface('create'), JSON.stringify(requestBody()).replace('{', '{"approvalTimeoutDays":7,')))).toBe(
      '400 UNKNOWN_FIELD',
    );
    expect(await effects(world)).toBe(before);
  });
});

describe('texts of people', () => {
  it('REST-10: have as many characters as are asked for that a reader sees', async () => {
    const before = await effects(world);
    for (const [name, least, say] of texts()) {
      for (const text of [
        'x'.repeat(Math.max(0, least - 1)),
        ' '.repeat(least),
        '\u200b'.repeat(least),
        `${'x'.repeat(Math.max(0, least - 1))}${'\u200b\u2060\ufeff\u00ad\u3164'.repeat(20)}`,
        '\u2800'.repeat(least),
        'x'.repeat(200_000),
      ].slice(least === 0 ? -1 : 0)) {
        expect(outcome(await say(text)), `${name} ${text.length}`).toBe('400 INVALID_REQUEST');
      }
      // Beyond what a body may have at all, that is said first.
      expect(outcome(await say('x'.repeat(1_000_000))), name).toBe('413 PAYLOAD_TOO_LARGE');
    }
    expect(await effects(world)).toBe(before);
  });

  it('REST-24: hold nothing that hides or reorders what a reader sees', async () => {
    const before = await effects(world);
    for (const [name, , say] of texts()) {
      for (const bad of [
        '\0',
        '\u0007',
        '\u001b[2J',
        '\r',
        '\u007f',
        '\u0085',
        '\u009b',
        '\u202a',
        '\u202e',
        '\u2066',
        '\u2069',
        '\ud800',
        '\udc00',
      ])
        expect(outcome(await say(`A text that is long enough ${bad} for all`)), `${name} ${JSON.stringify(bad)}`).toBe(
          '400 INVALID_REQUEST',
        );
    }
    expect(await effects(world)).toBe(before);
  });

  it('REST-24: are given back as they were written, in JSON and in YAML, or refused', async () => {
    const wild = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 });
    const nasty = fc.constantFrom(
      'a\u2028b\u2029c',
      '{{7*7}} $\u007b7*7} $.x',
      '<script>alert(1)</script>',
      '---\n...\n- a: &b *b',
      '\u00e9 e\u0301',
      '!!js/x',
    );
    await fc.assert(
      fc.asyncProperty(fc.oneof(wild, nasty), async (text) => {
        const created = await send(surface('create'), requestBody({ request: { releaseNotes: text } }));
        if (created.status === 400) return;
        expect(created.status, created.text).toBe(201);
        const path = created.headers['location']!;
        const [json, yaml] = [
          await world.call('GET', path, { as: 'dev' }),
          await world.call('GET', path, { as: 'dev', headers: { accept: 'application/yaml' } }),
        ];
        const stored = text.replaceAll('\r\n', '\n').normalize('NFC');
        expect(json.json.spec.request.releaseNotes).toBe(stored);
        expect(parse(yaml.text).spec.request.releaseNotes).toBe(stored);
        for (const answer of [json, yaml]) expect(answer.text).not.toMatch(/(?![\n\t])\p{Cc}|[\u202a-\u202e\u2066-\u2069]/u);
      }),
      { numRuns: 25 },
    );
  });
});

describe('references', () => {
  const hex = 'a'.repeat(64);

  it('REST-11: to digests are 64 lower-case hexadecimal digits of SHA-256', async () => {
    for (const version of [
      ...[
        `sha256:${'A'.repeat(64)}`,
        `sha256:${hex.slice(1)}`,
        `sha256:${hex}a`,
        `sha512:${hex}${hex}`,
        `sha512:${hex}`,
        `sha256:${hex}\n`,
      ],
      ...[
        `\nsha256:${hex}`,
        `SHA256:${hex}`,
        `sha256:${hex} `,
        `sha256:${'g'.repeat(64)}`,
        'sha256:',
        hex.concat(hex, 'a'),
        `@sha256:${hex}`,
      ],
      ...[`sha256:${'ａ'.repeat(64)}`, `x\nsha256:${hex}\ny`],
    ]) {
      expect(outcome(await plan({ target: { version } })), JSON.stringify(version)).toBe('400 INVALID_REF');
      expect(outcome(await send(surface('edit'), { target: { version } })), JSON.stringify(version)).toBe('400 INVALID_REF');
      expect((await send(surface('approve'), { planHash: version })).status, JSON.stringify(version)).toBe(400);
    }
    expect((await plan({ target: { version: `sha256:${hex}` } })).status).toBe(200);
  });

  it('REST-12: to artifacts are names of repositories and never addresses', async () => {
    for (const name of [
      ...['oci://registry@evil.tld/x', 'oci://registry\\@evil', 'http://evil.tld/x', 'file:///etc/passwd', 'user:pw@host/x', 'host:0/x'],
      ...[
        '%2e%2e/x',
        '127.0.0.1:0/payment-api',
        '//evil.tld/x',
        'payment-api@evil.tld',
        'payment-api:1.0.0',
        '../payment-api',
        'a/../b',
        '',
      ],
      ...[
        '/payment-api',
        'payment-api/',
        'payment-api?x',
        'payment-api#x',
        'payment api',
        'x'.repeat(129),
        'payment-api\n',
        '\npayment-api',
      ],
    ]) {
      expect(outcome(await plan({ target: { name } })), JSON.stringify(name)).toBe('400 INVALID_REF');
      expect(outcome(await send(surface('edit'), { target: { name } })), JSON.stringify(name)).toBe('400 INVALID_REF');
    }
  });

  it('REST-20: are read in linear time', async () => {
    const versions = [`>=1.0.0${' '.repeat(50_000)}<2`, '||'.repeat(10_000), '(a+)+$', `${'a'.repeat(30)}!`, `1${'.1'.repeat(60_000)}!`];
    for (const version of versions) {
      const spent = await cpuOf(async () => {
        expect(outcome(await plan({ target: { version } })), version.slice(0, 20)).toBe('400 INVALID_REF');
      });
      expect(spent, version.slice(0, 20)).toBeLessThan(EXPLODED_MS);
    }
    const search = (words: string) => world.call('GET', `${LIST}?search=${encodeURIComponent(words)}`, { as: 'cpi' });
    expect((await search('(a+)+$')).json.items).toEqual([]);
    expect(outcome(await search('a'.repeat(201)))).toBe('400 INVALID_REQUEST');
  });

  it('REST-21: name one version: no range and no wildcard', async () => {
    for (const version of ['v1.*.*', 'v1.2.*', '>=v1.0.0,<v2.0.0', '^1.2.3', '~1.2', '1.2.3+build', '', ' 1.1.0', '1.1.0 '])
      expect(outcome(await plan({ target: { version } })), version).toBe('400 INVALID_REF');
    // Tags by their grammar, which nobody has published.
    for (const version of ['v01.2.3', '1.2.3.4', 'v1.2.3-', 'v1.2.3-rc1', 'v'])
      expect(outcome(await plan({ target: { version } })), version).toBe('404 NOT_FOUND');
  });

  it('REST-25: look like what they are', async () => {
    for (const name of [
      'payment-api\u202e',
      'pаyment-api',
      'Payment-Api',
      'payment‐api',
      'payment-api\u200b',
      'ｐayment-api',
      'paymenτ-api',
      'é',
    ])
      expect(outcome(await plan({ target: { name } })), name).toBe('400 INVALID_REF');
    for (const version of ['1.1.0\u202e', '1․1․0', '１.1.0', '1.1.0\u200b', 'vⅠ'])
      expect(outcome(await plan({ target: { version } })), version).toBe('400 INVALID_REF');
    for (const environment of ['stаging', 'staging\u202e', 'Staging', 'staging\u200b']) {
      expect(outcome(await plan({ target: { targetEnvironment: environment } })), environment).toBe('400 INVALID_REQUEST');
      const path = `/v1/requests/${encodeURIComponent(environment)}`;
      expect(outcome(await world.call('GET', path, { as: 'cpi' })), environment).toBe('404 NOT_FOUND');
    }
    for (const name of ['nightly\u202e', 'nіghtly', 'a\nb', 'x'.repeat(65), '', ' '])
      expect(outcome(await send(surface('token'), { name })), name).toBe('400 INVALID_REQUEST');
  });
});

describe('paths', () => {
  const STRANGE = [
    ...[
      '..%2f..%2fother',
      '%2e%2e%2f',
      'a%2fb',
      'a%00b',
      '%00',
      'x'.repeat(300),
      'x'.repeat(3_000),
      '%23',
      'PR-2026-0001%23PLAN',
      '%252e%252e',
    ],
    ...[
      '__proto__',
      'constructor',
      'toString',
      'hasOwnProperty',
      '%e2%80%ae',
      '%0d%0aset-cookie:a=b',
      '%3Cscript%3Ealert(1)%3C%2Fscript%3E',
      '*',
      '%25',
    ],
  ];

  it('REST-13: with strange names are of nothing, in every parameter of every route', async () => {
    const id = await createRequest(world);
    const things: Record<string, string> = { env: 'staging', id, reviewId: await openReview(world), runId: 'run-1', approver: 'nobody' };
    const before = await effects(world);
    let source = 0;
    for (const route of ROUTES) {
      // Every path below /console is a view of the one page, which reads its address itself and is told nothing.
      if (route.operation === 'consolePage') continue;
      for (const [, parameter] of route.path.matchAll(/\{(\w+)\}/g)) {
        // Every lawful name of an artifact is configured here (`*`).
        const lawful = (each: string) => parameter === 'name' && artifactName.safeParse(decodeURIComponent(each)).success;
        for (const strange of STRANGE.filter((each) => !lawful(each))) {
          const path = route.path.replace(/\{(\w+)\}/g, (_all, name: string) => (name === parameter ? strange : (things[name] ?? 'x')));
          const answer = await world.call(route.method, path, {
            ...{ as: 'admin', sourceIp: `198.51.100.${source++ % 250}`, headers: { accept: 'text/html' } },
            ...(route.method === 'GET' ? {} : { body: {} }),
          });
          expect(answer.status, `${route.method} ${path} ${answer.text}`).toBe(route.auth === 'hmac' ? 401 : 404);
          // REST-28: and what was sent is not in the answer.
          expect(answer.headers['content-type']).toBe('application/problem+json');
          expect(answer.text, path).not.toMatch(/\bscript\b|set-cookie|passwd|\u202e/);
        }
      }
    }
    expect(await effects(world)).toBe(before);
  });

  it('REST-28: that hold a script are answered by a problem that does not repeat it', async () => {
    for (const place of [
      `${LIST}/%3Cscript%3Ealert(1)%3C%2Fscript%3E`,
      '/v1/%3Cscript%3E',
      '/%3Cscript%3E',
      `${LIST}?%3Cscript%3E=1`,
      `${LIST}?phase=%3Cscript%3E`,
    ]) {
      const answer = await world.call('GET', place, { as: 'dev', headers: { accept: 'text/html' } });
      expect(answer.status, place).toBeGreaterThanOrEqual(400);
      expect(answer.headers).toMatchObject({ 'content-type': 'application/problem+json', 'x-content-type-options': 'nosniff' });
      expect(answer.text, place).not.toContain('script');
    }
  });

  it('REST-26: take their own methods only, on every route', async () => {
    const paths = new Map<string, Set<string>>();
    for (const { path, method } of ROUTES) paths.set(path, (paths.get(path) ?? new Set()).add(method));
    for (const [path, methods] of paths) {
      const place = path.replace('{env}', 'staging').replace(/\{\w+\}/g, 'x');
      for (const method of ['HEAD', 'OPTIONS', 'PUT', 'TRACE', 'CONNECT', 'PROPFIND']) {
        const answer = await world.call(method, place, {
          as: 'admin',
          headers: { 'x-http-method-override': 'POST', 'x-http-method': 'POST' },
        });
        expect(outcome(answer), `${method} ${place}`).toBe('405 METHOD_NOT_ALLOWED');
        expect(new Set(answer.headers['allow']!.split(', ')), place).toEqual(methods);
      }
    }
  });
});

describe('Idempotency-Key', () => {
  const key = (name: string) => ({ 'idempotency-key': `case-${name}` });
  const listed = async (path: string, as: string) => (await world.call('GET', path, { as })).json.items.length as number;

  it('REST-14: makes one thing of twenty requests at once, in every write', async () => {
    const target = `${LIST}/${await openApproval(world)}/approve`;
    const cases: [string, WriteSurface, () => Promise<number>][] = [
      ['create', surface('create'), () => listed(`${LIST}/my?limit=100`, 'dev')],
      ['delegation', surface('delegation'), () => listed('/v1/delegations', 'cpi')],
      ['token', surface('token'), () => listed('/v1/tokens?limit=100', 'dev')],
      ['approve', { ...surface('approve'), path: target }, async () => 0],
    ];
    for (const [name, each, count] of cases) {
      const before = await count();
      const answers = await Promise.all(Array.from({ length: 20 }, () => send(each, each.body, key(name))));
      const late = await send(each, each.body, key(name));
      const done = [...answers, late].filter(({ status }) => status < 300);
      expect(late.status, `${name} ${late.text}`).toBeLessThan(300);
      // A token is shown once; else all are one text.
      const same = done.map(({ json }) => JSON.stringify({ ...json, token: undefined }));
      expect(new Set(same).size, name).toBe(1);
      for (const answer of answers.filter(({ status }) => status >= 300)) {
        expect(outcome(answer), name).toBe('409 IN_PROGRESS');
        expect(answer.headers['retry-after']).toMatch(/^[1-9]\d?$/);
      }
      expect(await count(), name).toBe(before + (name === 'approve' ? 0 : 1));
    }
  });

  it('REST-15: belongs to one request of one person: another body, path or query is a mismatch', async () => {
    const create = surface('create');
    expect((await send(create, requestBody(), key('mine'))).status).toBe(201);
    const other = JSON.stringify(requestBody()).replace('{', '{ ');
    for (const body of [requestBody({ request: { rollbackPlan: 'other' } }), other])
      expect(outcome(await send(create, body, key('mine')))).toBe('409 IDEMPOTENCY_MISMATCH');
    const [one, two] = [await openApproval(world), await openApproval(world)].map((id) => `${LIST}/${id}/approve`);
    expect((await world.call('POST', one!, { as: 'cpi', body: {}, headers: key('path') })).status).toBe(200);
    expect(outcome(await world.call('POST', two!, { as: 'cpi', body: {}, headers: key('path') }))).toBe('409 IDEMPOTENCY_MISMATCH');
    const preview = (query: string) =>
      world.call('POST', `${LIST}/preview${query}`, { as: 'dev', body: requestBody(), headers: key('query') });
    expect((await preview('?store=false')).status).toBe(200);
    expect(outcome(await preview(''))).toBe('409 IDEMPOTENCY_MISMATCH');
    // Other people, of this tenant and of another, and another operation, have keys of their own.
    expect((await world.call('POST', LIST, { as: 'cpi', body: requestBody(), headers: key('mine') })).status).toBe(201);
    const made = new Set<string>();
    for (const as of ['dev', 'cpi', 'outsider']) {
      const token = await world.call('POST', '/v1/tokens', { as, body: { name: 'nightly' }, headers: key('mine') });
      expect(token.status, token.text).toBe(201);
      made.add(token.json.id);
    }
    expect(made.size).toBe(3);
  });

  it('is one value of visible characters, wherever one is taken', async () => {
    for (const each of surfaces) {
      for (const bad of ['', 'a,b', 'a b', 'é', 'x'.repeat(256)]) {
        expect(outcome(await send(each, each.body, { 'idempotency-key': bad })), `${each.name} ${bad}`).toBe('400 INVALID_REQUEST');
      }
    }
  });
});

describe('lists', () => {
  const LISTS: [string, string][] = [
    [LIST, 'cpi'],
    [`${LIST}/my`, 'dev'],
    [`${LIST}/pending`, 'cpi2'],
    ['/v1/inbox', 'cpi2'],
    ['/v1/tokens', 'dev'],
    ['/v1/delegations', 'security'],
    ['/v1/reviews', 'cpi'],
  ];
  /** A cursor of each list, with the query that it belongs to. */
  async function cursorOf(path: string, as: string, query = 'limit=1'): Promise<string> {
    const { nextCursor } = (await world.call('GET', `${path}?${query}`, { as })).json;
    expect(nextCursor, path).toEqual(expect.any(String));
    return nextCursor;
  }

  beforeAll(async () => {
    for (let count = 0; count < 2; count++) await openApproval(world);
    for (let count = 0; count < 2; count++) await world.call('POST', '/v1/tokens', { as: 'dev', body: { name: 'nightly' } });
    for (let count = 0; count < 2; count++) await world.call('POST', '/v1/delegations', { as: 'security', body: { until: tomorrow() } });
    for (let count = 0; count < 2; count++) await openReview(world);
  });

  it('lead through all there is, once', async () => {
    for (const [path, as] of LISTS) {
      const whole = (await world.call('GET', `${path}?limit=100`, { as })).json.items.map(JSON.stringify) as string[];
      const seen: string[] = [];
      for (let query = 'limit=1'; ; ) {
        const { items, nextCursor } = (await world.call('GET', `${path}?${query}`, { as })).json;
        seen.push(...items.map(JSON.stringify));
        if (nextCursor === undefined) break;
        query = `limit=1&cursor=${nextCursor}`;
      }
      expect(seen, path).toEqual(whole);
    }
  });

  it('REST-17: take a limit from 1 to 100 and nothing else', async () => {
    for (const [path, as] of LISTS) {
      for (const limit of [
        '0',
        '-1',
        '1e9',
        'abc',
        '101',
        '',
        '1.5',
        '0x10',
        '%201',
        '1%20',
        '٣',
        '00000000000001',
        'NaN',
        'Infinity',
        '1%00',
      ])
        expect(outcome(await world.call('GET', `${path}?limit=${limit}`, { as })), `${path} ${limit}`).toBe('400 INVALID_REQUEST');
      for (const limit of ['1', '100']) expect((await world.call('GET', `${path}?limit=${limit}`, { as })).status, path).toBe(200);
      for (const twice of ['limit=1&limit=1', 'limit=1&%6cimit=2', 'cursor=a&cursor=b', 'limit=1&limit='])
        expect(outcome(await world.call('GET', `${path}?${twice}`, { as })), `${path} ${twice}`).toBe('400 AMBIGUOUS_PARAMETER');
      for (const unknown of ['sort=asc', '__proto__=1', 'constructor=1', 'limit%5B%5D=1', 'Limit=1', 'offset=0'])
        expect(outcome(await world.call('GET', `${path}?${unknown}`, { as })), `${path} ${unknown}`).toBe('400 UNKNOWN_FIELD');
    }
  });

  it('REST-18: take no cursor that was changed, cut, or somebody else’s', async () => {
    for (const [path, as] of LISTS) {
      const cursor = await cursorOf(path, as);
      const ask = async (text: string, by = as) =>
        outcome(await world.call('GET', `${path}?limit=1&cursor=${encodeURIComponent(text)}`, { as: by }));
      expect(await ask(cursor), path).toBe('200');
      // Every seventh place: with cursors of a few hundred characters each part of them is met, in a few seconds.
      for (let at = 0; at < cursor.length; at += 7) {
        const other = cursor[at] === 'A' ? 'B' : 'A';
        const changed = `${cursor.slice(0, at)}${other}${cursor.slice(at + 1)}`;
        expect(await ask(changed), `${path} at ${at}`).toBe('400 BAD_CURSOR');
      }
      for (const text of [
        ...[
          cursor.slice(0, -1),
          cursor.slice(1),
          cursor.slice(0, cursor.indexOf('.')),
          cursor.slice(cursor.indexOf('.')),
          `${cursor}A`,
          `${cursor}=`,
        ],
        ...[
          '',
          '.',
          'a.b',
          ` ${cursor}`,
          `${cursor}\n`,
          `${cursor}\0`,
          cursor.toUpperCase(),
          'null',
          '{}',
          'x'.repeat(2_000),
          cursor.replace('.', '..'),
        ],
      ])
        expect(await ask(text), `${path} ${text}`).toBe('400 BAD_CURSOR');
      expect(outcome(await world.call('GET', `${path}?cursor=${'x'.repeat(2_001)}`, { as }))).toMatch(/^400 (BAD_CURSOR|INVALID_REQUEST)$/);
      for (const stranger of ['outsider', 'admin']) expect(await ask(cursor, stranger), `${path} ${stranger}`).toBe('400 BAD_CURSOR');
    }
  });

  it('REST-18: take no cursor that is older than a day', async () => {
    const made: [string, string, string][] = [];
    for (const [path, as] of LISTS) made.push([path, as, await cursorOf(path, as)]);
    const now = Date.now();
    for (const [hours, expected] of [
      [23.9, '200'],
      [24.1, '400 BAD_CURSOR'],
    ] as const) {
      vi.useFakeTimers({ toFake: ['Date'], now: now + hours * 3_600_000 });
      for (const [path, as, cursor] of made) {
        const bearer = `Bearer ${(await world.token(as))['access_token']}`;
        expect(outcome(await world.call('GET', `${path}?limit=1&cursor=${cursor}`, { as: bearer })), `${path} ${hours}`).toBe(expected);
      }
    }
  });

  it('REST-19: take a cursor for what was listed and nothing else', async () => {
    const filters: [string, string, string[]][] = [
      [
        LIST,
        'cpi',
        [
          '',
          'state=pending',
          'phase=pending_approval',
          'tenant=tenant-finance',
          'createdBy=dev@example.com',
          'artifact=payment-api',
          'search=pay',
          'state=approved&phase=requested',
        ],
      ],
      [
        '/v1/inbox',
        'cpi2',
        [
          '',
          'view=all',
          'view=mine',
          'risk=low',
          'priority=normal',
          'status=pending',
          'environment=staging',
          'team=cpi',
          'project=tenant-finance',
          'view=all&risk=low',
        ],
      ],
      ['/v1/tokens', 'dev', ['']],
      ['/v1/reviews', 'cpi', ['', 'status=open']],
      ['/v1/requests/prod', 'cpi', []],
      [`${LIST}/my`, 'dev', ['']],
      [`${LIST}/pending`, 'cpi2', ['']],
      ['/v1/requests/staging/my', 'cpi', []],
    ];
    for (const [path, as, queries] of filters) {
      for (const query of queries) {
        const answer = await world.call('GET', `${path}?limit=1&${query}`, { as });
        const cursor = answer.json.nextCursor as string | undefined;
        if (cursor === undefined) continue;
        expect((await world.call('GET', `${path}?limit=3&${query}&cursor=${cursor}`, { as })).status, `${path} ${query}`).toBe(200);
        for (const [otherPath, , otherQueries] of filters) {
          for (const otherQuery of otherQueries.length === 0 ? [''] : otherQueries) {
            if (otherPath === path && otherQuery === query) continue;
            const replayed = await world.call('GET', `${otherPath}?limit=1&${otherQuery}&cursor=${cursor}`, { as });
            expect(outcome(replayed), `${path} ${query} at ${otherPath} ${otherQuery}`).toBe('400 BAD_CURSOR');
          }
        }
      }
    }
  });

  it('of the inbox take the words of their filters and no others', async () => {
    const get = async (query: string) => outcome(await world.call('GET', `/v1/inbox?${query}`, { as: 'cpi' }));
    for (const bad of [
      'view=theirs',
      'view=',
      'view=MINE',
      'risk=none',
      'priority=0',
      'status=failed',
      `team=${'x'.repeat(65)}`,
      `environment=${'x'.repeat(65)}`,
    ])
      expect(await get(bad), bad).toBe('400 INVALID_REQUEST');
    for (const twice of ['view=mine&view=all', 'team=a&team=b']) expect(await get(twice)).toBe('400 AMBIGUOUS_PARAMETER');
    for (const view of ['mine', 'pending', 'all']) expect(await get(`view=${view}`)).toBe('200');
    expect((await world.call('GET', '/v1/inbox?view=all&environment=__proto__', { as: 'cpi' })).json.items).toEqual([]);
    expect((await world.call('GET', '/v1/inbox?view=all', { as: 'outsider' })).json.items).toEqual([]);
    expect(outcome(await world.call('GET', '/v1/inbox', { as: 'auditor' }))).toBe('403 FORBIDDEN');
    expect(outcome(await world.call('GET', '/v1/inbox?view=theirs'))).toBe('401 UNAUTHENTICATED');
    expect(outcome(await world.call('GET', '/v1/inbox?view=theirs', { as: 'auditor' }))).toBe('403 FORBIDDEN');
  });
});

describe('the order of refusals', () => {
  const robotOf = async (as: string) => `Bearer ${(await world.call('POST', '/v1/tokens', { as, body: { name: 'robot' } })).json.token}`;

  it('hides another tenant’s things behind the body of those that do not exist', async () => {
    const review = await openReview(world, 'tenant-finance', 'dev');
    for (const each of surfaces.filter(({ path }) => /PR-|reviews/.test(path))) {
      const [theirs, none] = [each.path, each.path.replace(/PR-\d{4}-\d+/, 'PR-2026-9999').replace(/rv-\w+/, 'rv-0000000000000000')];
      for (const body of [each.body, { nonsense: true }, '{']) {
        const answers = [
          await world.call(each.method, theirs, { as: 'outsider', body }),
          await world.call(each.method, none, { as: 'outsider', body }),
        ];
        for (const answer of answers) expect(outcome(answer), each.name).toBe('404 NOT_FOUND');
        const [one, two] = answers.map(({ json }) => ({ ...json, requestId: '' }));
        expect(one).toEqual(two);
      }
    }
    expect(outcome(await world.call('POST', `/v1/reviews/${review}`, { as: 'outsider', body: surface('review').body }))).toBe(
      '404 NOT_FOUND',
    );
  });

  it('says HUMAN_REQUIRED to a robot before it looks at what was sent', async () => {
    const robot = await robotOf('admin');
    for (const name of ['approve', 'reject', 'withdraw', 'break-glass', 'delegation', 'review', 'token']) {
      const { method, path, body } = surface(name);
      for (const sent of [body, { nonsense: true }, '{', '{"a":1,"a":2}'])
        expect(outcome(await world.call(method, path, { as: robot, body: sent })), name).toBe('403 HUMAN_REQUIRED');
    }
  });

  it('says 403 to who may not before 400, and 404 before both', async () => {
    // Whoever may read may take back what he or she has decided, and makes tokens of his or her own.
    for (const each of surfaces.filter(({ name }) => name !== 'token' && name !== 'withdraw')) {
      const answer = await world.call(each.method, each.path, { as: 'viewer', body: '{' });
      expect(answer.status, `${each.name} ${answer.text}`).toBe(403);
    }
  });
});

describe('delegations, reviews and tokens', () => {
  it('answer the same to the same key, and make one', async () => {
    for (const [name, as] of [
      ['delegation', 'lead'],
      ['token', 'qa'],
    ] as const) {
      const each = { ...surface(name), as };
      const headers = { 'idempotency-key': `again-${name}` };
      const [one, again] = [await send(each, each.body, headers), await send(each, each.body, headers)];
      expect([one.status, again.status], one.text).toEqual([201, 201]);
      expect(again.json.id).toBe(one.json.id);
    }
    const review = { ...surface('review'), path: `/v1/reviews/${await openReview(world)}` };
    const headers = { 'idempotency-key': 'again-review' };
    const [one, again] = [await send(review, review.body, headers), await send(review, review.body, headers)];
    expect([one.status, again.status]).toEqual([200, 200]);
    expect(again.json).toEqual(one.json);
    expect(outcome(await send(review, review.body))).toBe('409 STATE_CONFLICT');
  });

  it('are held to their words', async () => {
    const before = await effects(world);
    for (const [name, body] of [
      ...[{ until: tomorrow(), to: 'nobody' }, { until: tomorrow(), to: 'a@b\n.c' }, { until: tomorrow(), from: '' }, {}].map((body) => [
        'delegation',
        body,
      ]),
      ...['Justified', 'fine', '', 1, null].map((word) => ['review', { outcome: word, finding: REASON }]),
      ...[
        { verbs: ['everything'] },
        { verbs: [] },
        { verbs: 'read' },
        { tenants: [] },
        { environments: [7] },
        { verbs: Array(99).fill('read') },
      ].map((scope) => ['token', { name: 'nightly', ...scope }]),
      ...[{ gate: 7, reason: REASON }, { gate: 'x'.repeat(65), reason: REASON }, { reason: REASON }, { gate: 'policy' }].map((body) => [
        'break-glass',
        body,
      ]),
    ] as [string, object][]) {
      expect(outcome(await send(surface(name), body)), `${name} ${JSON.stringify(body)}`).toBe('400 INVALID_REQUEST');
    }
    expect(await effects(world)).toBe(before);
  });
});

describe('the description', () => {
  it('fits every answer that these tests were given', () => expectDescribed(world));
});
