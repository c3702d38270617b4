import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { extract } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bucketLog } from '../../adapters/audit/bucket-log.ts';
import { parseCheckpoint } from '../../core/audit/checkpoint.ts';
import { batchName } from '../../core/audit/layout.ts';
import { readKeyManifest } from '../../core/audit/log-keys.ts';
import { leafHash, rootOfLeaves } from '../../core/audit/merkle.ts';
import { faultOfProof } from '../../core/audit/proof-file.ts';
import { verifyLog } from '../../core/audit/verify-log.ts';
import { expectDescribed } from './described.ts';
import { createRequest, openApproval, outcome } from './requests.ts';
import { type Answer, startWorld, type World } from './world.ts';

let world: World;
let id: string;
let retail: string;

beforeAll(async () => {
  mockClient(LambdaClient).on(InvokeCommand).resolves({});
  world = await startWorld((configuration) => {
    const person = (subject: string, more: object) => ({
      subject,
      email: `${subject}@example.com`,
      name: subject,
      teams: [],
      tenants: [],
      roles: [],
      ...more,
    });
    configuration.people.push(
      // An auditor of one tenant only, and one of one environment only.
      person('finance-auditor', { tenants: ['tenant-finance'], roles: ['tenant-auditor'] }) as never,
      person('prod-auditor', {
        tenants: ['tenant-finance'],
        roles: ['tenant-auditor'],
        roleEnvironments: { 'tenant-auditor': ['prod'] },
      }) as never,
    );
    Object.assign(configuration.roles, { 'tenant-auditor': { verbs: ['audit.read', 'audit.export'], sees: 'tenant' } });
  });
  id = await createRequest(world, 'dev');
  await createRequest(world, 'cpi');
  await world.state.environments.adopt('prod', 'retail-web', 'tenant-retail', {
    ...{ version: '3.0.0', digest: `sha256:${'c'.repeat(64)}`, requestId: 'adopted', at: new Date().toISOString() },
  });
  retail = 'sys:adopt:prod:retail-web';
  await world.seal();
});
afterAll(() => world.close());

const search = (query = '', as = 'auditor') => world.call('GET', `/v1/audit${query}`, { as });
const ridsOf = async (query: string, as?: string) =>
  new Set((await search(query, as)).json.items.map(({ requestId }: { requestId: string }) => requestId));

describe('searching the log', () => {
  it('finds what was sealed, newest first, with who it was by the directory', async () => {
    const { status, json } = await search('?type=promotion.requested');
    expect(status).toBe(200);
    expect(json.items.map(({ actor }: { actor: { email: string } }) => actor.email)).toEqual(['cpi@example.com', 'dev@example.com']);
    expect(json.items[1]).toMatchObject({
      requestId: id,
      tenant: 'tenant-finance',
      artifact: 'payment-api',
      environment: 'staging',
      actor: { id: expect.stringMatching(/^p-/), name: expect.any(String), auth: 'oidc' },
      summary: expect.stringContaining(`promotion requested of payment-api: dev → staging (${id}`),
    });
  });

  it('by artifact, environment, user, type and time, and by all of them together', async () => {
    expect(await ridsOf('?artifact=retail-web')).toEqual(new Set([retail]));
    expect(await ridsOf('?environment=prod')).toEqual(new Set([retail]));
    expect(await ridsOf('?user=dev@example.com')).toEqual(new Set([id]));
    expect(await ridsOf('?user=DEV@example.com&artifact=payment-api&environment=staging&type=promotion.requested')).toEqual(new Set([id]));
    expect(await ridsOf('?user=dev@example.com&artifact=retail-web')).toEqual(new Set());
    expect(await ridsOf('?user=nobody@example.com')).toEqual(new Set());
    const { items } = (await search(`?user=dev@example.com`)).json;
    expect(await ridsOf(`?user=${items[0].actor.id}`)).toEqual(new Set([id]));
    const [last] = items;
    expect((await search(`?from=${last.at}&user=dev@example.com`)).json.items[0].id).toBe(last.id);
    expect((await search('?to=2001-01-01T00:00:00Z')).json.items).toEqual([]);
    expect((await search('?from=2090-01-01T00:00:00Z')).json.items).toEqual([]);
    expect(outcome(await search('?from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z'))).toBe('400 INVALID_REQUEST');
    expect(outcome(await search('?from=yesterday'))).toBe('400 INVALID_DATE');
  });

  it('in pages that together are the whole, with cursors that hold for their question only', async () => {
    const all = (await search('?limit=100')).json.items.map(({ index }: { index: number }) => index);
    const paged: number[] = [];
    let cursor = '';
    do {
      const { json } = await search(`?limit=2${cursor}`);
      paged.push(...json.items.map(({ index }: { index: number }) => index));
      cursor = json.nextCursor === undefined ? '' : `&cursor=${json.nextCursor}`;
    } while (cursor !== '');
    expect(paged).toEqual(all);
    expect(new Set(all).size).toBe(all.length);
    const { nextCursor } = (await search('?limit=1')).json;
    expect(outcome(await search(`?limit=1&artifact=payment-api&cursor=${nextCursor}`))).toBe('400 BAD_CURSOR');
    expect(outcome(await search(`?limit=1&cursor=${nextCursor}`, 'finance-auditor'))).toBe('400 BAD_CURSOR');
  });

  it('AUTH-08, AUD-20: an auditor of one tenant sees its events only, whatever is asked', async () => {
    const tenantsOf = async (query: string, as: string) =>
      new Set((await search(query, as)).json.items.map(({ tenant }: { tenant: string }) => tenant));
    expect(await tenantsOf('', 'auditor')).toEqual(new Set(['', 'tenant-finance', 'tenant-retail']));
    for (const query of ['', '?tenant=tenant-retail', '?artifact=retail-web', '?environment=prod', '?user=system'])
      expect(
        [...(await tenantsOf(query, 'finance-auditor'))].filter((tenant) => tenant !== 'tenant-finance'),
        query,
      ).toEqual([]);
    expect((await search('?tenant=tenant-retail', 'finance-auditor')).json).toEqual({ items: [] });
    // Who audits one environment sees nothing of the others, nor of what belongs to none.
    expect((await search('', 'prod-auditor')).json).toEqual({ items: [] });
    for (const as of ['dev', 'cpi', 'viewer', 'outsider']) expect(outcome(await search('', as)), as).toBe('403 FORBIDDEN');
  });
});

describe('people', () => {
  /** Every line of the log as it is stored. */
  async function sealedText(): Promise<string> {
    await world.seal();
    const { openVault } = await import('../../adapters/audit/audit-vault.ts');
    const vault = openVault();
    const batches = await vault.batches(0, Number.MAX_SAFE_INTEGER);
    return (await Promise.all(batches.map(async (start) => String(await vault.read(batchName(start)))))).join('');
  }
  const verdict = async () => {
    const client = new S3Client({});
    const { openVault } = await import('../../adapters/audit/audit-vault.ts');
    const { key } = readKeyManifest((await openVault().read('keys/0001'))!, []);
    return { key, verdict: await verifyLog(await bucketLog(client, 'log', process.env['LOG_ORIGIN']!), { key, now: new Date() }) };
  };

  it('stand in no sealed line by name, address or subject, whatever they did, wrote or tried', async () => {
    const path = (request: string) => `/v1/requests/staging/${request}`;
    const reason = 'Dana Dev (dev@example.com) agreed with Chris Cpi on this';
    const texts = { justification: reason, releaseNotes: reason, rollbackPlan: reason };
    const mine = await openApproval(world, 'dev', { request: texts } as never);
    const did: Answer[] = [];
    did.push(await world.call('POST', `${path(mine)}/approve`, { as: 'dev', body: { comment: reason } }));
    did.push(await world.call('POST', `${path(mine)}/reject`, { as: 'cpi2', body: { reason } }));
    did.push(await world.call('POST', `${path(mine)}/retry`, { as: 'dev' }));
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
    did.push(await world.call('POST', '/v1/delegations', { as: 'lead', body: { to: 'qa@example.com', until: tomorrow } }));
    did.push(await world.call('POST', '/v1/tokens', { as: 'dev', body: { name: 'nightly', verbs: ['read'] } }));
    did.push(await world.call('POST', '/v1/environments/staging/lock', { as: 'cpi', body: { reason } }));
    did.push(await world.call('POST', '/v1/environments/staging/unlock', { as: 'cpi', body: { reason } }));
    expect(did.map(outcome)).toEqual(['403 SELF_APPROVAL', '200', '409 STATE_CONFLICT', '201', '201', '200', '200']);
    await world.call('GET', '/v1/requests/staging', { as: 'Bearer dev@example.com', sourceIp: '198.51.100.23' });
    const text = await sealedText();
    expect(new Set([...text.matchAll(/"type":"([\w.]+)"/g)].map(([, type]) => type)).size).toBeGreaterThan(5);
    for (const { name, email } of world.configuration.people.filter((person) => person.name.includes(' '))) {
      expect(text).not.toContain(name);
      expect(text).not.toContain(email);
    }
    expect(text).not.toMatch(/@example|198\.51\.100|agreed with/);
  });

  it('who are erased from the directory leave the events, their proofs, the verdict and the search as they are, without a name', async () => {
    const [event] = (await search('?user=cpi@example.com')).json.items;
    const before = await verdict();
    expect(before.verdict).toMatchObject({ valid: true });
    const { table } = world.state;
    const { key } = (await table.get(`PERSON#${event.actor.id}`, 'PSEUDONYM'))!;
    await table.remove(`PERSON#${String(key)}`, 'PERSON');
    await table.remove(`PERSON#${event.actor.id}`, 'PSEUDONYM');

    const [again] = (await search(`?user=${event.actor.id}`)).json.items;
    expect(again).toMatchObject({ id: event.id, index: event.index, actor: { id: event.actor.id, email: null, name: null } });
    expect(await ridsOf(`?environment=staging&type=${event.type}`)).toContain(event.requestId);
    const { status, json } = await world.call('GET', `/v1/audit/${event.id}/proof`, { as: 'auditor' });
    expect(status).toBe(200);
    expect(faultOfProof(json, [before.key])).toBeUndefined();
    expect((await verdict()).verdict).toMatchObject({ valid: true, size: before.verdict.size, root: before.verdict.root });

    // Who comes back is somebody new: nothing ties the two together any more.
    await createRequest(world, 'cpi');
    await world.seal();
    const [fresh] = (await search('?user=cpi@example.com')).json.items;
    expect(fresh.actor.id).not.toBe(event.actor.id);
    expect((await verdict()).verdict).toMatchObject({ valid: true });
  });
});

it('the newest checkpoint is the signed note', async () => {
  const { status, json } = await world.call('GET', '/v1/audit/checkpoint', { as: 'auditor' });
  expect(status).toBe(200);
  const { size, root, origin } = parseCheckpoint(Buffer.from(json.checkpoint));
  expect(json).toMatchObject({ size, origin, root: root.toString('base64') });
  expect(size).toBeGreaterThan(3);
});

describe('exporting the log', () => {
  /** Asks for an export, has it made, and gets its file from where the answer says. */
  async function exported(body: object, as = 'auditor'): Promise<Buffer> {
    const asked = await world.call('POST', '/v1/audit/exports', { as, body });
    expect(asked.status, asked.text).toBe(202);
    const place = `/v1/audit/exports/${asked.json.exportId}`;
    expect((await world.call('GET', place, { as })).json).toMatchObject({ status: 'pending', url: null });
    await (await import('../../functions/audit/attest.job.ts')).handler();
    const { json } = await world.call('GET', place, { as });
    expect(json).toMatchObject({ status: 'done', format: (body as { format: string }).format });
    expect(Date.parse(json.urlExpiresAt) - Date.now()).toBeLessThanOrEqual(900_000);
    for (const other of ['finance-auditor', 'auditor'].filter((each) => each !== as))
      expect(outcome(await world.call('GET', place, { as: other }))).toBe('404 NOT_FOUND');
    return Buffer.from(await (await fetch(json.url)).arrayBuffer());
  }

  /** Unpacks into a folder of its own. */
  async function unpacked(archive: Buffer): Promise<string> {
    const folder = mkdtempSync(join(tmpdir(), 'greenlight-export-'));
    const extraction = extract();
    extraction.on('entry', (header, stream, next) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: unknown) => void chunks.push(chunk as Buffer));
      stream.on('end', () => {
        mkdirSync(dirname(join(folder, header.name)), { recursive: true });
        writeFileSync(join(folder, header.name), Buffer.concat(chunks));
        next();
      });
    });
    extraction.end(gunzipSync(archive));
    await once(extraction, 'finish');
    return folder;
  }

  it('AUD-15 AUD-16 as CSV and NDJSON: a record per event whatever it holds, inert, with the bytes of the line', async () => {
    const csv = (await exported({ format: 'csv' })).toString();
    const records = csv.trimEnd().split('\r\n');
    const lines = (await exported({ format: 'ndjson', tenant: 'tenant-finance' })).toString().trimEnd().split('\n');
    expect(records[0]).toMatch(/^index,at,type,request,/);
    expect(records.length).toBeGreaterThan(lines.length);
    for (const record of records.slice(1)) expect(record).toMatch(/^"\d+","/);
    const [first] = lines.map((line) => JSON.parse(line));
    expect(first).toMatchObject({ index: expect.any(Number), actor: { id: expect.any(String) }, line: expect.stringMatching(/^\{"v":1,/) });
    expect((await exported({ format: 'ndjson', to: '2001-01-01T00:00:00Z' })).length).toBe(0);
  });

  it('AUD-20 as a bundle of one tenant, which verifies by itself, and shows others as hashes', async () => {
    const folder = await unpacked(await exported({ format: 'bundle' }, 'finance-auditor'));
    const check = (...more: string[]) => spawnSync(process.execPath, [join(folder, 'verify.mjs'), ...more], { encoding: 'utf8' });
    const spki = JSON.parse(readFileSync(join(folder, 'keys/0001'), 'utf8').split('\n')[0]!).spki as string;
    const pem = join(folder, 'audit.pem');
    writeFileSync(pem, `-----BEGIN PUBLIC KEY-----\n${spki}\n-----END PUBLIC KEY-----\n`);
    expect(check(pem), 'with the key').toMatchObject({ status: 0, stdout: expect.stringMatching(/^valid: [1-9]\d* lines of \d+/) });
    expect(check().status).toBe(0);
    const text = readFileSync(join(folder, 'lines.ndjson'), 'utf8');
    expect(text).not.toContain('tenant-retail');
    expect(
      text
        .split('\n')
        .filter(Boolean)
        .every((line) => JSON.parse(JSON.parse(line).line).tenant === 'tenant-finance'),
    ).toBe(true);
    const changes: [string, (text: string) => string][] = [
      ['lines.ndjson', (now) => now.replace('promotion.requested', 'promotion.cancelled')],
      ['lines.ndjson', (now) => now.replace(/"index":(\d+)/, '"index":9999')],
      ['leaves', (now) => now.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))],
      ['checkpoint', (now) => now.replace(/\n\d+\n/, '\n1\n')],
    ];
    for (const [file, change] of changes) {
      const before = readFileSync(join(folder, file), 'utf8');
      writeFileSync(join(folder, file), change(before));
      expect(check(pem), file).toMatchObject({ status: 1, stdout: expect.stringContaining('INVALID') });
      writeFileSync(join(folder, file), before);
    }
    rmSync(folder, { recursive: true });
  });

  it('as tlog-tiles that have the signed root, for who sees every tenant', async () => {
    const folder = await unpacked(await exported({ format: 'tlog-tiles' }));
    const { size, root } = parseCheckpoint(readFileSync(join(folder, 'checkpoint')));
    const tile = readFileSync(join(folder, `tile/0/000.p/${size}`));
    const bundle = readFileSync(join(folder, `tile/entries/000.p/${size}`));
    const lines: Buffer[] = [];
    for (let at = 0; at < bundle.length; at += 2 + bundle.readUInt16BE(at))
      lines.push(bundle.subarray(at + 2, at + 2 + bundle.readUInt16BE(at)));
    expect(lines).toHaveLength(size);
    expect(Buffer.concat(lines.map(leafHash))).toEqual(tile);
    expect(rootOfLeaves(lines.map(leafHash))).toEqual(root);
    rmSync(folder, { recursive: true });
  });

  it('AUD-20 refuses what is not the caller to have', async () => {
    const ask = async (body: object, as: string) => outcome(await world.call('POST', '/v1/audit/exports', { as, body }));
    expect(await ask({ format: 'csv', tenant: 'tenant-retail' }, 'finance-auditor')).toBe('404 NOT_FOUND');
    expect(await ask({ format: 'csv', tenant: 'tenant-nobody' }, 'finance-auditor')).toBe('404 NOT_FOUND');
    expect(await ask({ format: 'tlog-tiles' }, 'finance-auditor')).toBe('403 FORBIDDEN');
    expect(await ask({ format: 'csv' }, 'prod-auditor')).toBe('403 FORBIDDEN');
    expect(await ask({ format: 'bundle' }, 'auditor')).toBe('400 INVALID_REQUEST');
    expect(await ask({ format: 'xml' }, 'auditor')).toBe('400 INVALID_REQUEST');
    for (const as of ['dev', 'cpi', 'outsider']) expect(await ask({ format: 'csv' }, as)).toBe('403 FORBIDDEN');
    const own = (await exported({ format: 'csv' }, 'finance-auditor')).toString();
    expect(own).toContain('tenant-finance');
    expect(own).not.toContain('tenant-retail');
  });

  it('is itself in the log', async () => {
    await world.seal();
    const { items } = (await search('?type=audit.exported')).json;
    expect(items[0]).toMatchObject({
      actor: { email: 'finance-auditor@example.com' },
      data: { format: 'csv', tenants: ['tenant-finance'] },
    });
  });
});

it('the answers are as the description says', () => expectDescribed(world));
