import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isFreshlySigned, isSignedBySlack, signingSecretsOf } from '../../../core/approval/slack-signature.ts';

const NOW = new Date('2026-11-20T12:00:00.900Z');
const SECONDS = Math.floor(NOW.getTime() / 1000);
const SECRET = '8f742231b10e8888abcd99yyyzzz85a5';
const OLDER = 'e5fbb4ad3fd05e3ba6e5a5b43d9b6f2c';
const BODY = Buffer.from('payload=%7B%22type%22%3A%22block_actions%22%7D');

const sign = (body: Uint8Array, { secret = SECRET, timestamp = String(SECONDS), version = 'v0' } = {}) => ({
  'x-slack-request-timestamp': timestamp,
  'x-slack-signature': `${version}=${createHmac('sha256', secret).update(`v0:${timestamp}:`).update(body).digest('hex')}`,
});
const isSigned = (headers: Record<string, string | undefined>, body: Uint8Array = BODY, secrets = [SECRET]) =>
  isSignedBySlack(secrets, headers, body, NOW);

describe('the signature of a click', () => {
  it('is what Slack documents', () => {
    // The example of Slack's own guide to verifying requests.
    const body = Buffer.from(
      'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c',
    );
    const headers = {
      'x-slack-request-timestamp': '1531420618',
      'x-slack-signature': 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503',
    };
    expect(isSignedBySlack(['8f742231b10e8888abcd99yyyzzz85a5'], headers, body, new Date(1_531_420_618_000))).toBe(true);
  });

  it('SLK-01: holds for these bytes, this time and one of our secrets only', () => {
    const headers = sign(BODY);
    expect(isSigned(headers)).toBe(true);
    expect(isSigned(headers, BODY, [OLDER, SECRET])).toBe(true);
    expect(isSigned(headers, BODY, [OLDER])).toBe(false);
    expect(isSigned(headers, BODY, [])).toBe(false);
    expect(isSigned(headers, Buffer.concat([BODY, Buffer.from(' ')]))).toBe(false);
    expect(isSigned({ ...headers, 'x-slack-request-timestamp': String(SECONDS - 1) })).toBe(false);
    for (const name of Object.keys(headers)) expect(isSigned({ ...headers, [name]: undefined }), name).toBe(false);
  });

  it('SLK-01: is refused in any other spelling', () => {
    const good = sign(BODY)['x-slack-signature'];
    const bad = ['', 'v0=', good.slice(0, -1), `${good}0`, good.toUpperCase(), ` ${good}`, `${good}\n`, `${good},${good}`, good.slice(3)];
    for (const signature of [...bad, good.replace('v0', 'v1'), `v0=${'g'.repeat(64)}`]) {
      expect(isSigned({ ...sign(BODY), 'x-slack-signature': signature }), JSON.stringify(signature)).toBe(false);
    }
  });

  it.each([
    [300, true],
    [301, false],
    [-300, true],
    [-301, false],
    [0, true],
  ])('SLK-02: %i s old: %s', (age, expected) => {
    expect(isSigned(sign(BODY, { timestamp: String(SECONDS - age) }))).toBe(expected);
  });

  it('SLK-02: has a time stamp of exactly ten digits', () => {
    for (const timestamp of [
      '',
      '0',
      `${SECONDS}0`,
      `${SECONDS}.0`,
      `+${SECONDS}`,
      ` ${SECONDS}`,
      `${SECONDS}\n`,
      '0x6A000000',
      'NaN',
      '٣'.repeat(10),
    ]) {
      expect(isSigned(sign(BODY, { timestamp })), timestamp).toBe(false);
    }
  });

  it('needs no secret to be refused for its spelling or its age', () => {
    expect(isFreshlySigned(sign(BODY, { secret: 'nobody knows' }), NOW)).toBe(true);
    expect(isFreshlySigned({}, NOW)).toBe(false);
    expect(isFreshlySigned(sign(BODY, { timestamp: String(SECONDS - 301) }), NOW)).toBe(false);
  });

  it('holds for no other bytes, whatever they are', () => {
    const headers = sign(BODY);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (body) => {
        expect(isSigned(headers, body)).toBe(Buffer.from(body).equals(BODY));
        expect(isSigned(sign(body), body)).toBe(true);
      }),
    );
  });

  it('never throws, whatever the headers are', () => {
    const header = fc.oneof(
      fc.string(),
      fc.constant(undefined),
      fc.string().map((text) => `v0=${text}`),
      fc.nat().map(String),
    );
    fc.assert(
      fc.property(header, header, (timestamp, signature) => {
        expect(isSigned({ 'x-slack-request-timestamp': timestamp, 'x-slack-signature': signature })).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('the signing secret', () => {
  it.each([
    ['one', SECRET, [SECRET]],
    ['one with a line end', `${SECRET}\n`, [SECRET]],
    ['two by lines', `${SECRET}\r\n${OLDER}\n`, [SECRET, OLDER]],
    ['two by commas', `${SECRET}, ${OLDER}`, [SECRET, OLDER]],
    ['two as JSON', JSON.stringify([SECRET, OLDER]), [SECRET, OLDER]],
  ])('may be %s', (_what, value, secrets) => {
    expect(signingSecretsOf(value)).toEqual(secrets);
  });

  it.each(['', ' ', ',', '[]', '["",1,null]', '["broken', 'a,b,c', '["short"]', '{"secret":"x"}'])('%j is none', (value) => {
    expect(signingSecretsOf(value)).toEqual([]);
  });
});
