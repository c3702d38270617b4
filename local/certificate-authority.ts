/** The certificate authority of the local cloud: made at first start, so that clients pin it and every https endpoint is checked as on AWS. */
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { writeFileDurably } from './durable-file.ts';

interface ServerCertificate {
  /** PEM, PKCS#8, P-256. */
  key: string;
  /** PEM, signed by the authority. */
  cert: string;
}

export interface CertificateAuthority {
  /** Path of the authority's certificate, for `NODE_EXTRA_CA_CERTS`, `curl --cacert` and kubeconfig files. */
  certificateFile: string;
  /** The authority's certificate in PEM. */
  certificate: string;
  /** Server certificate for 127.0.0.1, localhost and ::1; the same one for the same name until it nears its end. */
  issue(commonName: string): Promise<ServerCertificate>;
}

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 30 * 365;
/** Apple's TLS refuses server certificates longer than 825 days even below an own authority. */
const SERVER_DAYS = 820;
const RENEW_BEFORE_DAYS = 60;
const NAME = /^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$/;

/** Opens the authority kept in `folder`, or makes it: P-256, valid for 30 years, private key readable by the owner only. */
export async function openCertificateAuthority(folder: string): Promise<CertificateAuthority> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const certificateFile = join(folder, 'ca.crt');
  const keyFile = join(folder, 'ca.key');
  let authority = readPair(keyFile, certificateFile);
  if (!authority) {
    authority = await makeAuthority();
    // The key first: a certificate without its key would be taken for an authority that cannot sign.
    writeFileDurably(keyFile, authority.key);
    writeFileDurably(certificateFile, authority.cert, 0o644);
  }
  const signer = authority;
  const issuing = new Map<string, Promise<ServerCertificate>>();
  return {
    certificateFile,
    certificate: signer.cert,
    issue(commonName) {
      if (!NAME.test(commonName)) throw new Error(`not a certificate name: ${commonName}`);
      let issued = issuing.get(commonName);
      if (!issued) {
        issued = issueServer(folder, signer, commonName);
        issuing.set(commonName, issued);
      }
      return issued;
    },
  };
}

async function makeAuthority(): Promise<ServerCertificate> {
  // A name of its own per data folder: clients that trust two folders must not mix up two authorities with one name.
  const name = `Local cloud CA ${randomBytes(4).toString('hex')}`;
  const made = await generate([{ name: 'commonName', value: name }], {
    ...validity(AUTHORITY_DAYS),
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, pathLenConstraint: 0, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return { key: made.private, cert: made.cert };
}

async function issueServer(folder: string, authority: ServerCertificate, commonName: string): Promise<ServerCertificate> {
  const keyFile = join(folder, `${commonName}.server.key`);
  const certificateFile = join(folder, `${commonName}.server.crt`);
  const kept = readPair(keyFile, certificateFile);
  if (kept && isUsable(kept.cert, authority.cert)) return kept;
  const made = await generate([{ name: 'commonName', value: commonName }], {
    ...validity(SERVER_DAYS),
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    ca: authority,
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
          { type: 7, ip: '::1' },
        ],
      },
    ],
  });
  writeFileDurably(keyFile, made.private);
  writeFileDurably(certificateFile, made.cert, 0o644);
  return { key: made.private, cert: made.cert };
}

/** Real time, not the virtual clock: the TLS libraries of the clients check validity against the machine's clock. */
function validity(days: number): { notBeforeDate: Date; notAfterDate: Date } {
  const now = Date.now();
  return { notBeforeDate: new Date(now - DAY_MS), notAfterDate: new Date(now + days * DAY_MS) };
}

function isUsable(cert: string, authorityCert: string): boolean {
  const certificate = new X509Certificate(cert);
  const remaining = Date.parse(certificate.validTo) - Date.now();
  return remaining > RENEW_BEFORE_DAYS * DAY_MS && certificate.verify(new X509Certificate(authorityCert).publicKey);
}

/** Undefined when a file is missing, damaged, or the two do not belong together (a kill between the two writes). */
function readPair(keyFile: string, certificateFile: string): ServerCertificate | undefined {
  try {
    const pair = { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certificateFile, 'utf8') };
    return new X509Certificate(pair.cert).checkPrivateKey(createPrivateKey(pair.key)) ? pair : undefined;
  } catch {
    return undefined;
  }
}
