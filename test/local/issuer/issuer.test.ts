import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { JwtVerifier } from 'aws-jwt-verify';
import { SimpleFetcher } from 'aws-jwt-verify/https';
import { SimpleJwksCache } from 'aws-jwt-verify/jwk';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openCertificateAuthority } from '../../../local/certificate-authority.ts';
import { createIssuer, type Issuer, type IssuerOptions } from '../../../local/issuer/issuer.ts';
import { makeContext, type TestContext } from '../context.ts';

const PEOPLE = [
  {
    subject: 'u-lead',
    email: 'lead@example.com',
    name: 'Lea <Lead>',
    groups: ['platform-leads'],
    claims: { tenant: 'finance', iss: 'evil' },
  },
  { subject: 'u-dev', email: 'dev@example.com', name: 'Dev' },
];
const CALLBACK = 'http://127.0.0.1:4700/v1/login/callback';
const VERIFIER = randomBytes(32).toString('base64url');
const CHALLENGE = createHash('sha256').update(VERIFIER).digest('base64url');

let context: TestContext;
let issuer: Issuer;
let ca: string;

async function open(more: Partial<IssuerOptions> = {}, data?: string): Promise<void> {
  context = makeContext('issuer', data === undefined ? {} : { data });
  const authority = await openCertificateAuthority(join(context.data, 'authority'));
  ca = authority.certificate;
  issuer = await createIssuer(context, {
    tls: await authority.issue('issuer'),
    people: PEOPLE,
    clientId: 'console',
    audience: 'the-api',
    redirectOrigins: () => ['http://127.0.0.1:4700'],
    ...more,
  });
}

beforeEach(() => open());

afterEach(async () => {
  await context.dispose();
});

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

function call(
  method: string,
  path: string,
  options: { form?: Record<string, string> | string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const { form } = options;
  const body = typeof form === 'object' ? new URLSearchParams(form).toString() : form;
  const headers = { ...(body !== undefined && { 'content-type': 'application/x-www-form-urlencoded' }), ...options.headers };
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, issuer.origin), { method, ca, headers, agent: false }, async (response) => {
      let text = '';
      for await (const chunk of response) text += chunk;
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

const password = () => readFileSync(issuer.passwordFile, 'utf8').trim();

function authorization(more: Record<string, string> = {}): Record<string, string> {
  return {
    client_id: 'console',
    redirect_uri: CALLBACK,
    response_type: 'code',
    scope: 'openid email',
    state: 'st&te',
    nonce: 'n-1',
    code_challenge: CHALLENGE,
    code_challenge_method: 'S256',
    ...more,
  };
}

async function signIn(more: Record<string, string> = {}): Promise<string> {
  const form = { ...authorization(), subject: 'u-lead', password: password(), ...more };
  const answer = await call('POST', '/authorize', { form, headers: { origin: issuer.origin } });
  expect(answer.status).toBe(303);
  return new URL(String(answer.headers.location)).searchParams.get('code')!;
}

async function token(form: Record<string, string>): Promise<{ status: number; body: Record<string, string> }> {
  const answer = await call('POST', '/token', { form: { client_id: 'console', ...form } });
  return { status: answer.status, body: JSON.parse(answer.text) };
}

const redeem = (code: string, more: Record<string, string> = {}) =>
  token({ grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier: VERIFIER, ...more });
const byPassword = (more: Record<string, string> = {}) =>
  token({ grant_type: 'password', username: 'lead@example.com', password: password(), ...more });

function verifier() {
  const jwksCache = new SimpleJwksCache({ fetcher: new SimpleFetcher({ defaultRequestOptions: { ca } }) });
  const jwksUri = `${issuer.origin}/.well-known/jwks.json`;
  return JwtVerifier.create({ issuer: issuer.origin, audience: 'the-api', jwksUri }, { jwksCache });
}

describe('the local issuer', () => {
  it('describes itself at the discovery address', async () => {
    const found = JSON.parse((await call('GET', issuer.discoveryUrl)).text);
    expect(found).toMatchObject({ issuer: issuer.origin, code_challenge_methods_supported: ['S256'], response_types_supported: ['code'] });
    const { keys } = JSON.parse((await call('GET', found.jwks_uri)).text);
    expect(keys.map((key: { alg: string; use: string }) => [key.alg, key.use])).toEqual([
      ['RS256', 'sig'],
      ['ES256', 'sig'],
    ]);
    for (const key of keys) for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi']) expect(key).not.toHaveProperty(secret);
  });

  it('signs people in by the code flow and issues tokens that aws-jwt-verify accepts over https', async () => {
    const page = await call('GET', `/authorize?${new URLSearchParams(authorization())}`);
    expect(page.status).toBe(200);
    expect(page.text).toContain('Lea &#60;Lead&#62;');
    expect(page.text).not.toContain('<script');
    expect(page.headers['content-security-policy']).toContain("form-action 'self' http://127.0.0.1:4700");

    const posted = await call('POST', '/authorize', { form: { ...authorization(), subject: 'u-lead', password: password() } });
    const location = new URL(String(posted.headers.location));
    expect(location.origin + location.pathname).toBe(CALLBACK);
    expect([location.searchParams.get('state'), location.searchParams.get('iss')]).toEqual(['st&te', issuer.origin]);
    const { status, body } = await redeem(location.searchParams.get('code')!);
    expect(status).toBe(200);
    expect(decodeProtectedHeader(body.access_token!)).toMatchObject({ alg: 'RS256', typ: 'at+jwt', kid: expect.any(String) });
    const claims = await verifier().verify(body.access_token!);
    expect(claims).toMatchObject({
      iss: issuer.origin,
      sub: 'u-lead',
      aud: 'the-api',
      client_id: 'console',
      email: 'lead@example.com',
      email_verified: true,
      name: 'Lea <Lead>',
      groups: ['platform-leads'],
      tenant: 'finance',
      token_use: 'access',
    });
    expect(decodeJwt(body.id_token!)).toMatchObject({ aud: 'console', nonce: 'n-1', token_use: 'id', sub: 'u-lead' });
    await expect(verifier().verify(body.id_token!)).rejects.toThrow('Audience');

    const info = await call('GET', '/userinfo', { headers: { authorization: `Bearer ${body.access_token}` } });
    expect(JSON.parse(info.text)).toEqual({
      sub: 'u-lead',
      email: 'lead@example.com',
      email_verified: true,
      name: 'Lea <Lead>',
      groups: ['platform-leads'],
    });
    expect((await call('GET', '/userinfo', { headers: { authorization: `Bearer ${body.id_token}` } })).status).toBe(401);
    expect((await call('GET', '/userinfo')).status).toBe(401);
  });

  it('spends a code once, also over a restart, and only for the verifier and address that began', async () => {
    const code = await signIn();
    expect((await redeem(code)).status).toBe(200);
    expect((await redeem(code)).body.error).toBe('invalid_grant');
    for (const wrong of [{ code_verifier: VERIFIER.replace(/.$/, (c) => (c === 'A' ? 'B' : 'A')) }, { redirect_uri: `${CALLBACK}/x` }]) {
      const other = await signIn();
      expect((await redeem(other, wrong as Record<string, string>)).body.error).toBe('invalid_grant');
      expect((await redeem(other)).body.error).toBe('invalid_grant');
    }
    const kept = await signIn();
    const jwks = (await call('GET', '/.well-known/jwks.json')).text;
    const secret = password();
    await issuer.close();
    await context.stop();
    await open({}, context.data);
    expect((await call('GET', '/.well-known/jwks.json')).text).toBe(jwks);
    expect(password()).toBe(secret);
    expect((await redeem(kept)).status).toBe(200);
    expect((await redeem(kept)).status).toBe(400);
    const late = await signIn();
    await context.clock.advance(10 * 60_000 + 1);
    expect((await redeem(late)).body.error).toBe('invalid_grant');
  });

  it.each([
    ['http://127.0.0.1:4701/v1/login/callback'],
    ['https://127.0.0.1:4700/v1/login/callback'],
    ['http://127.0.0.1:4700@evil.example/'],
    ['http://user@127.0.0.1:4700/'],
    ['http://127.0.0.1:4700\\@evil.example/'],
    ['http://127.0.0.1:4700/#x'],
    ['javascript:alert(1)'],
    ['/v1/login/callback'],
    [''],
  ])('does not redirect to %s', async (redirect_uri) => {
    const answer = await call('GET', `/authorize?${new URLSearchParams(authorization({ redirect_uri }))}`);
    expect([answer.status, answer.headers.location]).toEqual([400, undefined]);
    const posted = await call('POST', '/authorize', {
      form: { ...authorization({ redirect_uri }), subject: 'u-lead', password: password() },
    });
    expect([posted.status, posted.headers.location]).toEqual([400, undefined]);
  });

  it.each([
    [{ response_type: 'token' }, 'unsupported_response_type'],
    [{ scope: 'email' }, 'invalid_scope'],
    [{ code_challenge_method: 'plain' }, 'invalid_request'],
    [{ code_challenge: 'short' }, 'invalid_request'],
    [{ prompt: 'none' }, 'login_required'],
  ])('answers %j with the error %s at the client', async (change, error) => {
    const answer = await call('GET', `/authorize?${new URLSearchParams(authorization(change as Record<string, string>))}`);
    const location = new URL(String(answer.headers.location));
    expect([answer.status, location.searchParams.get('error'), location.searchParams.get('state')]).toEqual([303, error, 'st&te']);
  });

  it('refuses a wrong password, an unknown person, a repeated parameter and a form from elsewhere', async () => {
    const form = { ...authorization(), subject: 'u-lead', password: 'wrong' };
    const wrong = await call('POST', '/authorize', { form });
    expect([wrong.status, wrong.headers.location]).toEqual([401, undefined]);
    expect(wrong.text).toContain('The password is not right.');
    expect((await call('POST', '/authorize', { form: { ...form, password: password(), subject: 'nobody' } })).status).toBe(401);
    const foreign = await call('POST', '/authorize', {
      form: { ...form, password: password() },
      headers: { origin: 'http://127.0.0.1:1' },
    });
    expect(foreign.status).toBe(403);
    // The page sends no referrer: a browser then hides the origin, and only it can say where the form stood.
    const hidden = (site: string) => ({
      form: { ...authorization(), subject: 'u-lead', password: password() },
      headers: { origin: 'null', 'sec-fetch-site': site },
    });
    expect((await call('POST', '/authorize', hidden('cross-site'))).status).toBe(403);
    expect((await call('POST', '/authorize', hidden('same-site'))).status).toBe(403);
    expect((await call('POST', '/authorize', hidden('same-origin'))).status).toBe(303);
    expect((await call('GET', `/authorize?${new URLSearchParams(authorization())}&state=2`)).status).toBe(400);
    expect((await call('POST', '/token', { form: 'client_id=console&client_id=console' })).status).toBe(400);
    expect((await call('POST', '/token', { form: { client_id: 'other', grant_type: 'password' } })).status).toBe(401);
  });

  it('escapes what the request brings into the page', async () => {
    const page = await call('GET', `/authorize?${new URLSearchParams(authorization({ state: '"><img src=x>' }))}`);
    expect(page.text).not.toContain('<img');
    expect(page.text).toContain('&#34;&#62;&#60;img src=x&#62;');
  });

  it('issues tokens for e-mail and password, for as long as a demo needs, in virtual time', async () => {
    const { status, body } = await byPassword({ expires_in: String(365 * 86_400) });
    expect(status).toBe(200);
    const claims = decodeJwt(body.access_token!);
    expect(claims.exp! - claims.iat!).toBe(365 * 86_400);
    await context.clock.advance(3 * 86_400_000);
    const later = decodeJwt((await byPassword()).body.access_token!);
    expect(later.iat! - claims.iat!).toBeGreaterThanOrEqual(3 * 86_400);
    expect(later.exp! - later.iat!).toBe(3600);
    expect(await call('GET', '/userinfo', { headers: { authorization: `Bearer ${body.access_token}` } })).toMatchObject({ status: 200 });
    await context.clock.advance(363 * 86_400_000);
    expect((await call('GET', '/userinfo', { headers: { authorization: `Bearer ${body.access_token}` } })).status).toBe(401);
    for (const more of [{ password: 'wrong' }, { username: 'nobody@example.com' }]) {
      expect((await byPassword(more as Record<string, string>)).body.error).toBe('invalid_grant');
    }
    for (const expires_in of ['0', '-1', 'x', '1.5', String(401 * 86_400)]) {
      expect((await byPassword({ expires_in })).body.error).toBe('invalid_request');
    }
    expect((await byPassword({ grant_type: 'refresh_token' })).body.error).toBe('unsupported_grant_type');
  });

  it('can sign with ES256', async () => {
    await issuer.close();
    await context.dispose();
    await open({ algorithm: 'ES256' });
    const { body } = await byPassword();
    expect(decodeProtectedHeader(body.access_token!).alg).toBe('ES256');
    expect(await verifier().verify(body.access_token!)).toMatchObject({ sub: 'u-lead' });
  });

  it('keeps secrets to the owner and goes back only to the client after sign-out', async () => {
    expect(statSync(issuer.passwordFile).mode & 0o777).toBe(0o600);
    expect(statSync(join(context.folder, 'signing-keys.json')).mode & 0o777).toBe(0o600);
    const back = await call('GET', `/logout?post_logout_redirect_uri=${encodeURIComponent('http://127.0.0.1:4700/bye')}&state=x`);
    expect([back.status, back.headers.location]).toEqual([303, 'http://127.0.0.1:4700/bye?state=x']);
    expect((await call('GET', '/logout?post_logout_redirect_uri=https://evil.example/')).status).toBe(400);
    expect((await call('GET', '/logout')).status).toBe(200);
    expect((await call('GET', '/nothing')).status).toBe(404);
  });
});
