import { GenerateMacCommand, KMSClient, VerifyMacCommand } from '@aws-sdk/client-kms';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { issueHandle, issueToken, verifyHandle, verifyToken } from '../../../adapters/approval/link-keys.ts';
import { linkRows } from '../../../adapters/approval/link-rows.ts';
import { encodeClaims, type LinkClaims, macMessage } from '../../../core/approval/link-token.ts';
import { joinToken } from '../../../core/approval/signed-token.ts';
import { encodeHandle, handleMessage, type SlackHandle } from '../../../core/approval/slack-handle.ts';
import { type ServedTable, serveTable } from '../state/served-table.ts';

const kms = mockClient(KMSClient);
beforeEach(() => {
  kms.reset();
  vi.stubEnv('LINK_KEYS', JSON.stringify({ k1: 'arn:key-1', k2: 'arn:key-2' }));
  vi.stubEnv('LINK_KEY_ID', 'k2');
});
afterAll(() => {
  kms.restore();
  vi.unstubAllEnvs();
});

const claims: Omit<LinkClaims, 'kid'> = {
  audience: 'https://x.example.com',
  id: '0'.repeat(32),
  requestId: 'PR-2026-0001',
  approver: 'a'.repeat(32),
  planHash: `sha256:${'b'.repeat(64)}`,
  issuedAt: 1_795_000_000,
  expiresAt: 1_795_600_000,
};
const MAC = Buffer.alloc(32, 7);
const named = (name: string) => Object.assign(new Error(name), { name });

describe('the token of a link', () => {
  it('is signed by the present key over its own words', async () => {
    kms.on(GenerateMacCommand).resolves({ Mac: MAC });
    const token = await issueToken(claims);
    expect(token).toBe(joinToken(encodeClaims({ ...claims, kid: 'k2' }), MAC));
    const encoded = encodeClaims({ ...claims, kid: 'k2' });
    expect(kms.calls()[0]!.args[0].input).toEqual({ KeyId: 'arn:key-2', MacAlgorithm: 'HMAC_SHA_256', Message: macMessage(encoded) });
  });

  it('is checked by the key that it names, also an older one', async () => {
    kms.on(VerifyMacCommand).resolves({ MacValid: true });
    const encoded = encodeClaims({ ...claims, kid: 'k1' });
    expect(await verifyToken(joinToken(encoded, MAC), claims.audience)).toEqual({ ...claims, kid: 'k1' });
    expect(kms.calls()[0]!.args[0].input).toMatchObject({ KeyId: 'arn:key-1', Mac: MAC });
  });

  it.each([
    ['of an unknown key', { kid: 'k3' }],
    ['of a key named like a member of every object', { kid: 'constructor' }],
    ['of another deployment', { audience: 'https://evil.example.com' }],
  ])('%s is refused without asking KMS', async (_name, change) => {
    const token = joinToken(encodeClaims({ ...claims, kid: 'k1', ...change }), MAC);
    await expect(verifyToken(token, claims.audience)).rejects.toMatchObject({ code: 'BAD_LINK' });
    expect(kms.calls()).toHaveLength(0);
  });

  it('that KMS calls wrong is refused, and one that KMS cannot check is no refusal', async () => {
    const token = joinToken(encodeClaims({ ...claims, kid: 'k1' }), MAC);
    for (const name of ['KMSInvalidMacException', 'DisabledException', 'NotFoundException', 'KMSInvalidStateException']) {
      kms.on(VerifyMacCommand).rejects(named(name));
      await expect(verifyToken(token, claims.audience), name).rejects.toMatchObject({ code: 'BAD_LINK' });
    }
    kms.on(VerifyMacCommand).rejects(named('ThrottlingException'));
    await expect(verifyToken(token, claims.audience)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it.each(['', '.', 'a', 'a.b', 'a.b.c', '{}', 'x'.repeat(5_000), `${'A'.repeat(100)}.${'A'.repeat(43)}`])(
    '%.20s is none',
    async (token) => {
      await expect(verifyToken(token, claims.audience)).rejects.toMatchObject({ code: 'BAD_LINK' });
      expect(kms.calls()).toHaveLength(0);
    },
  );
});

describe('the value of a Slack button', () => {
  const { id: _id, approver: _approver, ...rest } = claims;
  const handle: Omit<SlackHandle, 'kid'> = rest;

  it('is signed by the present key over its own words, and checked by the key that it names', async () => {
    kms.on(GenerateMacCommand).resolves({ Mac: MAC });
    kms.on(VerifyMacCommand).resolves({ MacValid: true });
    const encoded = encodeHandle({ ...handle, kid: 'k2' });
    const value = await issueHandle(handle);
    expect(value).toBe(joinToken(encoded, MAC));
    expect(await verifyHandle(value, handle.audience)).toEqual({ ...handle, kid: 'k2' });
    const same = { KeyId: 'arn:key-2', MacAlgorithm: 'HMAC_SHA_256', Message: handleMessage(encoded) };
    expect(kms.calls().map(({ args }) => args[0].input)).toEqual([same, { ...same, Mac: MAC }]);
  });

  it.each([
    ['of an unknown key', { kid: 'k3' }],
    ['of a key named like a member of every object', { kid: 'constructor' }],
    ['SLK-06: of another deployment', { audience: 'https://evil.example.com' }],
  ])('%s is refused without asking KMS', async (_name, change) => {
    const value = joinToken(encodeHandle({ ...handle, kid: 'k1', ...change }), MAC);
    await expect(verifyHandle(value, handle.audience)).rejects.toMatchObject({ code: 'BAD_LINK' });
    expect(kms.calls()).toHaveLength(0);
  });

  it('that KMS calls wrong is refused, and one that KMS cannot check is no refusal', async () => {
    const value = joinToken(encodeHandle({ ...handle, kid: 'k1' }), MAC);
    kms.on(VerifyMacCommand).rejects(named('KMSInvalidMacException'));
    await expect(verifyHandle(value, handle.audience)).rejects.toMatchObject({ code: 'BAD_LINK' });
    kms.on(VerifyMacCommand).rejects(named('ThrottlingException'));
    await expect(verifyHandle(value, handle.audience)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});

describe('the row of a link', () => {
  let served: ServedTable;
  beforeAll(async () => {
    served = await serveTable();
  });
  afterAll(() => served.stop());
  const row = { id: 'l1', requestId: 'PR-1', approver: 'a', planHash: 'h', expiresAt: '2026-11-27T00:00:00.000Z' };

  it('is issued once, holds no token, and outlives its link by a month', async () => {
    const links = linkRows(served.table);
    await links.issue(row);
    expect(await links.get('l1')).toMatchObject({ ...row, state: 'issued' });
    expect((await served.table.get('LINK#l1', 'LINK'))!['ttl']).toBe(Date.parse('2026-12-27T00:00:00.000Z') / 1000);
    await expect(links.issue({ ...row, approver: 'evil' })).rejects.toMatchObject({ name: 'VersionConflict' });
    expect((await links.get('l1'))!.approver).toBe('a');
    expect(await links.get('l2')).toBeUndefined();
  });

  it('that is issued with its decision has been used from the beginning', async () => {
    const links = linkRows(served.table);
    await links.issue({ ...row, id: 'l3', decision: 'reject' });
    expect(await links.get('l3')).toMatchObject({ state: 'used', decision: 'reject' });
  });

  it('remembers the browser in which was decided, if it exists, and is not made by that', async () => {
    const links = linkRows(served.table);
    await links.issue({ ...row, id: 'l4' });
    await links.remember('l4', 'hash');
    expect(await links.get('l4')).toMatchObject({ state: 'issued', browser: 'hash' });
    await expect(links.remember('l5', 'hash')).rejects.toMatchObject({ name: 'VersionConflict' });
    expect(await links.get('l5')).toBeUndefined();
  });
});
