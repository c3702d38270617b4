import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, unlinkSync } from 'node:fs';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openCertificateAuthority } from '../../local/certificate-authority.ts';

const run = promisify(execFile);
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'authority-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

async function serve(tls: { key: string; cert: string }) {
  const server = createServer(tls, (_request, response) => response.end('hello'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

function get(url: string, ca?: string): Promise<number | string> {
  return new Promise((resolve) => {
    const sent = request(url, ca ? { ca } : {}, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    sent.end();
  });
}

describe('the certificate authority', () => {
  it('issues certificates that Node accepts with the authority and refuses without it', async () => {
    const authority = await openCertificateAuthority(folder);
    const server = await serve(await authority.issue('issuer'));
    try {
      expect(await get(`https://127.0.0.1:${server.port}/`, authority.certificate)).toBe(200);
      expect(await get(`https://localhost:${server.port}/`, authority.certificate)).toBe(200);
      expect(await get(`https://127.0.0.1:${server.port}/`)).toMatch(/UNABLE_TO_VERIFY|SELF_SIGNED/);
    } finally {
      server.close();
    }
  });

  it('issues certificates that curl accepts', async () => {
    const authority = await openCertificateAuthority(folder);
    const server = await serve(await authority.issue('kubernetes'));
    try {
      const { stdout } = await run('curl', ['-sS', '--cacert', authority.certificateFile, `https://127.0.0.1:${server.port}/`]);
      expect(stdout).toBe('hello');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    } finally {
      server.close();
    }
  });

  it('keeps the authority and each name over restarts', async () => {
    const first = await openCertificateAuthority(folder);
    const issued = await first.issue('issuer');
    const second = await openCertificateAuthority(folder);
    expect(second.certificate).toBe(first.certificate);
    expect(await second.issue('issuer')).toEqual(issued);
    expect((await second.issue('kubernetes')).cert).not.toBe(issued.cert);
  });

  it('is valid for 30 years and covers the loopback names only', async () => {
    const authority = await openCertificateAuthority(folder);
    const certificate = new X509Certificate(authority.certificate);
    expect(certificate.ca).toBe(true);
    expect(Date.parse(certificate.validTo) - Date.now()).toBeGreaterThan(29.9 * 365 * 86_400_000);
    const server = new X509Certificate((await authority.issue('issuer')).cert);
    expect(server.ca).toBe(false);
    expect(server.checkIssued(certificate)).toBe(true);
    expect(server.subjectAltName).toBe('DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1');
    expect(server.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
  });

  it('keeps private keys to the owner and makes a server pair again when half of it is missing', async () => {
    const authority = await openCertificateAuthority(folder);
    const issued = await authority.issue('issuer');
    for (const name of ['ca.key', 'issuer.server.key']) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    unlinkSync(join(folder, 'issuer.server.crt'));
    const again = await (await openCertificateAuthority(folder)).issue('issuer');
    expect(again.cert).not.toBe(issued.cert);
  });

  it('refuses a name that is a path', async () => {
    const authority = await openCertificateAuthority(folder);
    expect(() => authority.issue('../ca')).toThrow('not a certificate name');
  });
});
