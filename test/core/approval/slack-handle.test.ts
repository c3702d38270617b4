import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeToken, encodeClaims } from '../../../core/approval/link-token.ts';
import { joinToken } from '../../../core/approval/signed-token.ts';
import { decodeHandle, encodeHandle, handleMessage, type SlackHandle } from '../../../core/approval/slack-handle.ts';
import { Refusal } from '../../../core/errors.ts';

const HANDLE: SlackHandle = {
  kid: 'k1',
  audience: 'https://greenlight.example.com',
  requestId: 'PR-2026-0001',
  planHash: `sha256:${'c'.repeat(64)}`,
  issuedAt: 1_800_000_000,
  expiresAt: 1_800_600_000,
};
const MAC = Buffer.alloc(32, 7);
const VALUE = joinToken(encodeHandle(HANDLE), MAC);

function refusalOf(value: string): string | undefined {
  try {
    decodeHandle(value);
    return undefined;
  } catch (error) {
    return error instanceof Refusal ? error.code : `not a refusal: ${String(error)}`;
  }
}

/** A handle with other members, by somebody who has no key. */
const forged = (fields: unknown): string => `${Buffer.from(JSON.stringify(fields)).toString('base64url')}.${MAC.toString('base64url')}`;
const fields = JSON.parse(Buffer.from(VALUE.split('.')[0]!, 'base64url').toString()) as Record<string, unknown>;

describe('the value of a Slack button', () => {
  it('comes back as it was issued, and fits', () => {
    expect(decodeHandle(VALUE)).toEqual({ handle: HANDLE, encodedHandle: encodeHandle(HANDLE), mac: MAC });
    expect(VALUE.length).toBeLessThan(2_000);
  });

  it('names no person and no decision, and is authenticated apart from mailed links', () => {
    expect(Object.keys(fields)).toEqual(['v', 'k', 'aud', 'r', 'p', 'i', 'e']);
    expect(handleMessage(encodeHandle(HANDLE)).toString()).toMatch(/^greenlight-slack-v1\0/);
    const link = joinToken(encodeClaims({ ...HANDLE, id: 'a'.repeat(32), approver: 'b'.repeat(32) }), MAC);
    expect(refusalOf(link)).toBe('BAD_LINK');
    expect(() => decodeToken(VALUE)).toThrow(expect.objectContaining({ code: 'BAD_LINK' }));
  });

  it('SLK-06: is refused in any other spelling and with any other member', () => {
    const [claims, mac] = VALUE.split('.') as [string, string];
    for (const other of ['', '.', claims, `${claims}.`, `.${mac}`, `${VALUE}.x`, `${VALUE}=`, ` ${VALUE}`, `${VALUE}\n`, 'x'.repeat(2_000)])
      expect(refusalOf(other), JSON.stringify(other).slice(0, 40)).toBe('BAD_LINK');
    expect(refusalOf(forged(fields))).toBeUndefined();
    for (const changed of [
      { v: 2 },
      { v: '1' },
      { k: '../../k1' },
      { k: 1 },
      { aud: 'slack' },
      { aud: HANDLE.audience },
      { r: 'PR-2026-1' },
      { r: 'PR-2026-0001 ' },
      { p: 'c'.repeat(64) },
      { i: 1.5 },
      { i: '1' },
      { e: Number.MAX_VALUE },
      { e: null },
      { s: 'b'.repeat(32) },
      ...Object.keys(fields).map((name) => ({ [name]: undefined })),
    ]) {
      expect(refusalOf(forged({ ...fields, ...changed })), JSON.stringify(changed)).toBe('BAD_LINK');
    }
    for (const other of [null, [], 'text', 7, Object.fromEntries(Object.entries(fields).reverse())]) {
      expect(refusalOf(forged(other)), JSON.stringify(other)).toBe('BAD_LINK');
    }
  });

  it('SLK-06: never throws anything but a refusal, whatever comes', () => {
    const value = fc.oneof(
      fc.string(),
      fc.json().map((text) => `${Buffer.from(text).toString('base64url')}.${MAC.toString('base64url')}`),
    );
    fc.assert(
      fc.property(value, (text) => {
        expect(refusalOf(text)).toBe('BAD_LINK');
      }),
      { numRuns: 2_000 },
    );
  });

  it('SLK-06: with one character changed is another handle, or none', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const encoded = encodeHandle(HANDLE);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: encoded.length - 1 }), fc.integer({ min: 1, max: 63 }), (index, shift) => {
        const letter = alphabet[(alphabet.indexOf(VALUE[index]!) + shift) % 64]!;
        const changed = VALUE.slice(0, index) + letter + VALUE.slice(index + 1);
        const outcome = refusalOf(changed);
        if (outcome === undefined) expect(decodeHandle(changed).encodedHandle).not.toBe(encoded);
        else expect(outcome).toBe('BAD_LINK');
      }),
    );
  });
});
