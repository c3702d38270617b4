import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectDescribed } from './described.ts';
import { createRequest, outcome, requestBody } from './requests.ts';
import { startWorld, type World } from './world.ts';

let world: World;

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());

const LIST = '/v1/requests/staging';
const post = (body: unknown, headers: Record<string, string> = {}) => world.call('POST', LIST, { as: 'dev', body, headers });

describe('bodies', () => {
  it('REST-04 are refused over 256 KiB before anything else, also when the bytes come encoded', async () => {
    const large = 'x'.repeat(256 * 1024 + 1);
    expect(outcome(await world.call('POST', LIST, { body: large }))).toBe('413 PAYLOAD_TOO_LARGE');
    // Characters of two bytes: short as text, too long as bytes.
    expect(outcome(await world.call('POST', LIST, { body: 'é'.repeat(140_000) }))).toBe('413 PAYLOAD_TOO_LARGE');
    const form = await world.call('POST', '/v1/logout', { body: large, headers: { 'content-type': 'application/x-www-form-urlencoded' } });
    expect(outcome(form)).toBe('413 PAYLOAD_TOO_LARGE');
    expect(outcome(await world.call('POST', '/nothing', { body: large }))).toBe('413 PAYLOAD_TOO_LARGE');
  });

  it('REST-06 are JSON in UTF-8 and nothing that a foreign page could send', async () => {
    const types = [
      'text/plain',
      'multipart/form-data; boundary=x',
      'application/x-www-form-urlencoded',
      '',
      'application/json;charset=utf-7',
      'application/json, application/json',
      'application/jsonp',
    ];
    for (const type of types) {
      // 415 comes before 401.
      expect(outcome(await world.call('POST', LIST, { body: requestBody(), headers: { 'content-type': type } })), type).toBe(
        '415 UNSUPPORTED_MEDIA_TYPE',
      );
    }
    expect(outcome(await post(requestBody(), { 'content-encoding': 'gzip' }))).toBe('415 UNSUPPORTED_MEDIA_TYPE');
    for (const type of ['application/json', 'Application/JSON; Charset="UTF-8"']) {
      expect((await post(requestBody(), { 'content-type': type })).status, type).toBe(201);
    }
  });

  it('REST-02 hold no key that reaches a prototype, at any depth', async () => {
    for (const text of [
      '{"__proto__":{"role":"cpi-admin"}}',
      '{"target":{"constructor":{"prototype":{"role":1}}}}',
      '{"request":{"a":[{"__proto__":1}]}}',
      '{"\\u005f_proto__":1}',
    ]) {
      expect(outcome(await post(text)), text).toBe('400 UNKNOWN_FIELD');
    }
    expect(({} as { role?: string }).role).toBeUndefined();
  });

  it('C50 are read strictly (REST-05, REST-09)', async () => {
    const bad: [string, string][] = [
      ['INVALID_REQUEST', '['.repeat(200_000)],
      ['INVALID_REQUEST', `${'['.repeat(33)}${']'.repeat(33)}`],
      ['INVALID_REQUEST', '{"a":1e999}'],
      ['INVALID_REQUEST', '{"a":9007199254740993}'],
      ['INVALID_REQUEST', '{"a":"\\ud800"}'],
      ['INVALID_REQUEST', '{"a":1,}'],
      ['INVALID_REQUEST', ''],
      ['INVALID_REQUEST', 'null'],
      ['INVALID_REQUEST', '[]'],
      ['DUPLICATE_KEY', '{"target":{"name":"a","name":"b"}}'],
      ['DUPLICATE_KEY', '{"a":{"x":[{"b":1},{"c":"}\\""}],"b":2},"\\u0061":3}'],
    ];
    for (const [code, text] of bad) expect(outcome(await post(text)), text.slice(0, 60)).toBe(`400 ${code}`);
    const twice = '{"a":[{"b":1},{"b":2}],"c":{"a":"b"}}';
    expect(outcome(await post(twice))).toBe('400 UNKNOWN_FIELD');
  });

  it('REST-28 are not reflected in the answer, which is a problem and never a page', async () => {
    const answer = await world.call('POST', LIST, {
      as: 'dev',
      body: { '<script>alert(1)</script>': 1 },
      headers: { accept: 'text/html' },
    });
    expect(answer.headers).toMatchObject({
      'content-type': 'application/problem+json',
      'x-content-type-options': 'nosniff',
      'x-request-id': answer.json.requestId,
    });
    expect(answer.text).not.toContain('script>');
    expect(Object.keys(answer.json)).toEqual(['type', 'title', 'status', 'code', 'detail', 'hint', 'errors', 'requestId']);
  });
});

describe('queries', () => {
  it('REST-17 take a limit from 1 to 100, each parameter once, and none that the route does not have', async () => {
    const get = async (query: string) => outcome(await world.call('GET', `${LIST}?${query}`, { as: 'cpi' }));
    for (const limit of ['0', '-1', '1e9', 'abc', '101', '']) expect(await get(`limit=${limit}`), limit).toBe('400 INVALID_REQUEST');
    expect(await get('limit=1&limit=2')).toBe('400 AMBIGUOUS_PARAMETER');
    expect(await get('limit=1&%6cimit=2')).toBe('400 AMBIGUOUS_PARAMETER');
    expect(await get('sort=asc')).toBe('400 UNKNOWN_FIELD');
    expect(await get('phase=unheard')).toBe('400 INVALID_REQUEST');
    expect(await get('limit=100')).toBe('200');
  });

  it('a repeated Idempotency-Key header is refused', async () => {
    expect(outcome(await post(requestBody(), { 'idempotency-key': 'a,b' }))).toBe('400 INVALID_REQUEST');
  });
});

describe('cursors', () => {
  it('REST-18 (and REST-19) lead through one list, for one person, unchanged', async () => {
    const ids: string[] = [];
    for (let count = 0; count < 3; count++) ids.push(await createRequest(world));
    const list = (query: string, as = 'cpi') => world.call('GET', `${LIST}?${query}`, { as });
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await list(`limit=2&createdBy=dev@example.com${cursor === undefined ? '' : `&cursor=${cursor}`}`);
      seen.push(...page.json.items.map((item: { metadata: { id: string } }) => item.metadata.id));
      cursor = page.json.nextCursor;
    } while (cursor !== undefined);
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.slice(0, 3)).toEqual(ids.reverse());

    const { nextCursor: good } = (await list('limit=1&state=pending')).json as { nextCursor: string };
    expect((await list(`limit=1&state=pending&cursor=${good}`)).status).toBe(200);
    const last = good.at(-1) === 'A' ? 'B' : 'A';
    for (const query of [
      `state=approved&cursor=${good}`,
      `cursor=${good}`,
      `state=pending&cursor=${good.slice(0, -1)}${last}`,
      `state=pending&cursor=x${good.slice(1)}`,
      `state=pending&cursor=${good.slice(0, 40)}`,
      'state=pending&cursor=',
    ]) {
      expect(outcome(await list(`limit=1&${query}`)), query).toBe('400 BAD_CURSOR');
    }
    expect(outcome(await list(`limit=1&state=pending&cursor=${good}`, 'cpi2'))).toBe('400 BAD_CURSOR');
    expect(outcome(await world.call('GET', `/v1/requests/prod?limit=1&state=pending&cursor=${good}`, { as: 'cpi' }))).toBe(
      '400 BAD_CURSOR',
    );
  });
});

describe('the description', () => {
  it('fits every answer that these tests were given', () => expectDescribed(world));
});
