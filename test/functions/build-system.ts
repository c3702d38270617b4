/** A build system as issuer: https, its own keys, tokens shaped like those that GitHub signs for its jobs. */
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWTHeaderParameters, SignJWT } from 'jose';
import type { IssueCertificate } from './world.ts';

export interface BuildSystem {
  issuer: string;
  /** Requests for its metadata and keys. */
  asked: string[];
  /** Token of a job; claims replace the usual ones, and `undefined` leaves one out. */
  token(claims?: Record<string, unknown>, header?: Partial<JWTHeaderParameters>, key?: CryptoKey | Uint8Array): Promise<string>;
  close(): void;
}

export async function startBuildSystem(issueCertificate: IssueCertificate, name = 'build-system'): Promise<BuildSystem> {
  const { privateKey, publicKey } = await generateKeyPair('RS256');
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'RS256', use: 'sig' }] };
  const asked: string[] = [];
  let issuer = '';
  const server = createServer(await issueCertificate(name), ({ url }, response) => {
    asked.push(url!);
    const documents: Record<string, unknown> = {
      '/.well-known/openid-configuration': { issuer, jwks_uri: `${issuer}/.well-known/jwks` },
      '/.well-known/jwks': jwks,
    };
    const document = documents[url!];
    response.writeHead(document ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(document ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  issuer = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    issuer,
    asked,
    token(claims = {}, header = {}, key = privateKey) {
      const now = Math.floor(Date.now() / 1000);
      const usual = {
        iss: issuer,
        sub: 'repo:acme/payments:ref:refs/heads/main',
        aud: 'greenlight',
        repository: 'acme/payments',
        repository_owner: 'acme',
        ref: 'refs/heads/main',
        event_name: 'push',
        run_attempt: '1',
        iat: now,
        nbf: now,
        exp: now + 300,
      };
      return new SignJWT({ ...usual, ...claims })
        .setProtectedHeader({ typ: 'JWT', alg: 'RS256', kid: 'k1', x5t: 'x', ...header })
        .sign(key);
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
