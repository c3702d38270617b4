import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { confirmationOf } from '../../../core/approval/confirmation.ts';
import { decodeToken, encodeClaims, type LinkClaims, macMessage } from '../../../core/approval/link-token.ts';
import { joinToken } from '../../../core/approval/signed-token.ts';
import { Refusal } from '../../../core/errors.ts';

const CLAIMS: LinkClaims = {
  kid: 'k1',
  audience: 'http://127.0.0.1:4700',
  id: 'a'.repeat(32),
  requestId: 'PR-2026-0001',
  approver: 'b'.repeat(32),
  planHash: `sha256:${'c'.repeat(64)}`,
  issuedAt: 1_800_000_000,
  expiresAt: 1_800_600_000,
};
const MAC = Buffer.alloc(32, 7);
const TOKEN = joinToken(encodeClaims(CLAIMS), MAC);

function refusalOf(token: string): string | undefined {
  try {
    decodeToken(token);
    return undefined;
  } catch (error) {
    return error instanceof Refusal ? error.code : `not a refusal: ${String(error)}`;
  }
}

describe('the token of a mailed link', () => {
  it('comes back as it was issued', () => {
    expect(decodeToken(TOKEN)).toMatchObject({ claims: CLAIMS, mac: MAC });
  });

  it('never says what is decided', () => {
    expect(Buffer.from(TOKEN.split('.')[0]!, 'base64url').toString()).not.toMatch(/approve|reject|decision/);
  });

  it('is authenticated apart from every other use of the key', () => {
    expect(macMessage(encodeClaims(CLAIMS)).toString()).toMatch(/^greenlight-link-v1\0/);
  });

  it('LINK-05: is refused in any other spelling', () => {
    const [claims, mac] = TOKEN.split('.') as [string, string];
    const others = [
      '',
      '.',
      claims,
      `${claims}.`,
      `.${mac}`,
      `${TOKEN}.x`,
      `${claims}=.${mac}`,
      `${claims}.${mac}=`,
      ` ${TOKEN}`,
      `${TOKEN}\n`,
      'x'.repeat(10_000),
    ];
    for (const other of others) expect(refusalOf(other), JSON.stringify(other).slice(0, 40)).toBe('BAD_LINK');
    for (const value of ['null', '7', '"text"', '{', '{"v":2}']) {
      const bare = Buffer.from(value).toString('base64url');
      expect(refusalOf(`${bare}.${mac}`), value).toBe('BAD_LINK');
    }
    const whole = Object.entries(JSON.parse(Buffer.from(claims, 'base64url').toString()) as object);
    const turned = Buffer.from(JSON.stringify(Object.fromEntries(whole.reverse()))).toString('base64url');
    expect(refusalOf(`${turned}.${mac}`)).toBe('BAD_LINK');
    const reordered = Buffer.from(JSON.stringify({ k: 'k1', v: 1 })).toString('base64url');
    expect(refusalOf(`${reordered}.${mac}`)).toBe('BAD_LINK');
    // The last character of 32 bytes in base64url holds unused bits: another spelling of the same MAC.
    const respelled = mac.slice(0, -1) + String.fromCharCode(mac.charCodeAt(mac.length - 1) + 1);
    if (Buffer.from(respelled, 'base64url').equals(MAC)) expect(refusalOf(`${claims}.${respelled}`)).toBe('BAD_LINK');
  });

  it('LINK-05: never throws anything but a refusal, whatever comes', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `${Buffer.from(text).toString('base64url')}.${MAC.toString('base64url')}`),
        ),
        (text) => {
          expect([undefined, 'BAD_LINK']).toContain(refusalOf(text));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('with one bit of its claims changed is another token, or none', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: encodeClaims(CLAIMS).length - 1 }), fc.integer({ min: 1, max: 63 }), (index, shift) => {
        const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
        const letter = alphabet[(alphabet.indexOf(TOKEN[index]!) + shift) % 64]!;
        const changed = TOKEN.slice(0, index) + letter + TOKEN.slice(index + 1);
        const outcome = refusalOf(changed);
        if (outcome === undefined) expect(decodeToken(changed).encodedClaims).not.toBe(encodeClaims(CLAIMS));
        else expect(outcome).toBe('BAD_LINK');
      }),
    );
  });
});

describe('the typed confirmation', () => {
  it('is the environment and the last six characters of the digest', () => {
    expect(confirmationOf('prod', `sha256:${'0'.repeat(58)}3fa9c1`)).toBe('prod 3fa9c1');
  });
});
