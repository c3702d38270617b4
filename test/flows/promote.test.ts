import { createPublicKey } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { checkpointName } from '../../core/audit/layout.ts';
import { faultOfProof, readProofFile } from '../../core/audit/proof-file.ts';
import { checkWorkload, compareRegistries } from '../../local/demo/demo-checks.ts';
import { greenlight } from '../cli/command-line.ts';
import { synthesize } from './assembly.ts';
import { readSealedLog, type SealedLog } from './audit-log.ts';
import { type Answer, FlowCloud } from './cloud.ts';
import { expectDescribed } from './described.ts';
import { openLink, sendLink } from './link-form.ts';
import { approve, idOf, type PushedImage, push, reach, request, toStaging } from './requests.ts';
import { findSecrets, taskTokens } from './secrets.ts';
import { TAMPERINGS, TamperedLog } from './tampering.ts';

const VERSION = '1.1.0';
/** A line of the history per transition, in the order of the flow. */
const HISTORY = [
  ...['created', 'validating', 'gate_passed', 'gate_passed', 'gate_passed', 'approval_requested', 'approved', 'approved', 'promoting'],
  ...['copied', 'copy_verified', 'tagged', ...Array.from({ length: 7 }, () => 'rollout_step'), 'deployed'],
];

let cloud: FlowCloud;
let good: PushedImage;
let path: string;
let id: string;
/** Distinct phases that a client saw while it asked again and again. */
const seen: string[] = [];
let created: Answer['body'];
let asked: Answer['body'];
let end: Answer['body'];
let waiting: string[];

beforeAll(async () => {
  cloud = await FlowCloud.start(await synthesize());
  good = await push(cloud, VERSION, 'true');
  await toStaging(cloud, VERSION);

  path = await request(cloud, 'prod', VERSION);
  created = cloud.answers.findLast(({ method }) => method === 'POST')!.answer.body;
  id = idOf(path);
  asked = await reach(cloud, path, 'pending_approval');
  // The step after the phase is shown keeps the token: not there yet when the phase is.
  waiting = await cloud.until('the task token of the waiting run', async () => {
    const tokens = await taskTokens(cloud);
    return tokens.length > 0 ? tokens : undefined;
  });
  // Long enough to have read it: who approves within seconds is reported as suspicious.
  await cloud.advance('PT15S');
  const form = await openLink(await cloud.link('lead', id));
  const answer = await sendLink(cloud, form, { as: 'lead', comment: 'read and agreed' });
  expect(answer.status, answer.text).toBe(200);
  await approve(cloud, path, 'security');
  end = await cloud.until('the end of the promotion', async () => {
    const { body } = await cloud.api('GET', path, { as: 'dev' });
    if (seen.at(-1) !== body.status.phase) seen.push(body.status.phase);
    return ['approved', 'promoting'].includes(body.status.phase) ? undefined : body;
  });
});
afterAll(() => cloud?.stop());

describe('the request', () => {
  it('is created as the contract shows it, and asks both teams once its gates have passed', () => {
    expect(created).toMatchObject({
      apiVersion: 'gostoa.dev/v1',
      kind: 'PromotionRequest',
      metadata: { id, createdBy: 'dev@example.com', tenant: 'tenant-finance', version: 1 },
      spec: { target: { type: 'api', name: 'payment-api', version: VERSION, sourceEnvironment: 'staging', targetEnvironment: 'prod' } },
      status: { state: 'pending', phase: 'requested', digest: good.digest, planHash: expect.stringMatching(/^sha256:[a-f0-9]{64}$/) },
    });
    expect(id).toMatch(/^PR-\d{4}-\d{4}$/);
    expect(asked.status.gates).toMatchObject([
      { name: 'policy', type: 'policy', status: 'passed' },
      { name: 'signature', type: 'signature', status: 'passed', message: expect.stringContaining('signed by a trusted key') },
      { name: 'http', type: 'http', status: 'passed' },
    ]);
    const rule = (team: string, person: string) => ({ team, min: 1, given: [], eligible: [`${person}@example.com`] });
    expect(asked.status.approvals).toEqual({
      required: true,
      stages: [{ name: 'approval', status: 'pending', rules: [rule('platform-leads', 'lead'), rule('security', 'security')] }],
    });
    expect(asked.status.views).toEqual({
      seed002: { lifecycle_state: 'pending_approval', approval_required: true, approval_ticket: id, preview_ref: null },
      seed003: { state: 'requested' },
    });
  });

  it('goes through its phases in order and ends as deployed, with who approved and when', () => {
    expect(end.status.phase, JSON.stringify(end.status)).toBe('succeeded');
    expect(['approved', 'promoting', 'succeeded'].filter((phase) => seen.includes(phase))).toEqual(seen);
    expect(end.status.history.map(({ action }: { action: string }) => action)).toEqual(HISTORY);
    const times = end.status.history.map(({ at }: { at: string }) => at);
    expect(times).toEqual([...times].sort());
    expect(end.metadata.version).toBe(HISTORY.length);
    expect(end.status).toMatchObject({
      state: 'deployed',
      approvedBy: 'security@example.com',
      attempt: 1,
      planHash: created.status.planHash,
    });
    // Decided a moment before it is written down.
    expect([times.at(-2), end.status.deployedAt, times.at(-1)]).toEqual([times.at(-2), end.status.deployedAt, times.at(-1)].sort());
    expect(end.status.approvals.stages[0]).toMatchObject({
      status: 'approved',
      rules: [{ given: ['lead@example.com'] }, { given: ['security@example.com'] }],
    });
    expect(end.status.history[6]).toMatchObject({ action: 'approved', by: 'lead@example.com', comment: 'read and agreed' });
    expect(end.status.views.seed002.lifecycle_state).toBe('applied');
    expect(end.status.views.seed003).toEqual({ state: 'executed' });
    expect(end.status.allowedActions).toEqual([]);
  });

  it('is counted where it is over, and not among what waits', async () => {
    const { body } = await cloud.api('GET', '/v1/requests/prod/stats', { as: 'cpi' });
    expect(body).toMatchObject({ pending: 0, rejectedToday: 0 });
    // Counted by the day: after midnight it is of the one before.
    const isToday = (await cloud.now()).toISOString().startsWith(end.status.approvedAt.slice(0, 10));
    if (isToday) expect(body).toMatchObject({ approvedToday: 1, deployedThisWeek: 1 });
  });

  it('sent 10, 50 and 100 % to the new version, as measured', () => {
    const steps = end.status.rollout.steps.map(({ step, status, achievedWeight }: Answer['body']) => ({ step, status, achievedWeight }));
    expect(steps).toEqual([10, 50, 100].map((weight) => ({ step: `canary:${weight}`, status: 'done', achievedWeight: weight })));
  });

  it('is the ticket of seed 000 as YAML', async () => {
    const answer = await cloud.api('GET', path, { as: 'dev', headers: { accept: 'application/yaml' } });
    expect(answer.headers.get('content-type')).toContain('application/yaml');
    const ticket = parse(answer.text);
    expect(Object.keys(ticket)).toEqual(['apiVersion', 'kind', 'metadata', 'spec', 'status']);
    expect(ticket.metadata).toEqual({ id, createdAt: end.metadata.createdAt, createdBy: 'dev@example.com', tenant: 'tenant-finance' });
    expect(ticket.spec).toEqual(end.spec);
    expect(ticket.status).toMatchObject({ state: 'deployed', approvedBy: 'security@example.com', rejectedBy: null, rejectionReason: null });
    expect(ticket.status.history).toEqual(end.status.history);
  });

  it('has the same events in its timeline, numbered without a gap', async () => {
    const { items } = (await cloud.api('GET', `${path}/timeline`, { as: 'viewer' })).body;
    expect(items.map(({ seq: _, ...entry }: Answer['body']) => entry)).toEqual(end.status.history);
    expect(items.map(({ seq }: { seq: number }) => seq)).toEqual(HISTORY.map((_, index) => index + 1));
  });
});

describe('the target', () => {
  it('holds the same bytes, with signature and SBOM, under both tags', async () => {
    const { image, digest, sbom, signatureTag } = good;
    const pushed = {
      digest,
      manifests: image.manifests.map(({ descriptor }) => descriptor.digest),
      signatureTag: signatureTag!,
      sbomDigest: sbom,
    };
    await compareRegistries(cloud.endpoints, pushed, VERSION);
    for (const tag of [`${VERSION}-staging`, 'latest-staging']) {
      const answer = await fetch(`http://${cloud.endpoints.registries.staging}/v2/payment-api/manifests/${tag}`, { method: 'HEAD' });
      expect(answer.headers.get('docker-content-digest')).toBe(digest);
    }
    expect((await fetch(`http://${cloud.endpoints.registries.prod}/v2/payment-api/manifests/${VERSION}-staging`)).status).toBe(404);
  });

  it('runs the digest in all pods, and says so', async () => {
    await checkWorkload(cloud.endpoints, 'prod', good.digest, VERSION);
    const { body } = await cloud.api('GET', '/v1/environments/prod', { as: 'viewer' });
    const [place] = body.artifacts;
    expect(place).toMatchObject({
      artifact: 'payment-api',
      current: { version: VERSION, digest: good.digest, requestId: id, at: end.status.deployedAt },
      previous: { version: '1.0.0' },
      health: 'healthy',
      flags: { frozen: false, locked: false, out_of_date: false, drifted: false },
      pending: [],
    });
    expect(place.history[0]).toMatchObject({ requestId: id, outcome: 'succeeded' });
    expect((await cloud.api('GET', '/v1/environments', { as: 'viewer' })).status).toBe(200);
  });
});

describe('people', () => {
  it('get mail when something is asked of them, or when it concerns them', async () => {
    // A notice that could not go out at once is overtaken by those behind it.
    await cloud.until('every mail', async () =>
      (await cloud.mails()).filter(({ subject }) => subject.includes(id)).length >= 13 ? true : undefined,
    );
    const told: Record<string, string[]> = {};
    for (const { to, subject } of await cloud.mails()) {
      const headline = /^\[(.+?)\] (.+?) — payment-api 1\.1\.0: staging → prod$/.exec(subject);
      if (headline?.[1] !== id) continue;
      told[headline[2]!] = [...(told[headline[2]!] ?? []), ...to.map((address) => address.split('@')[0]!)];
    }
    for (const names of Object.values(told)) names.sort();
    expect(told).toEqual({
      'Your approval is asked': ['lead', 'security'],
      // Once for each approval; the one who is still asked hears of the first.
      'Approved by an approver': ['dev', 'dev', 'security'],
      // Who decided by the mailed link has the receipt.
      'Your approval is recorded': ['lead'],
      'Approval approved': ['dev'],
      'Rollout started': ['dev', 'lead', 'security'],
      'Promotion succeeded': ['dev', 'lead', 'security'],
    });
  });

  it('see in Slack what they act on, and other systems every step on the bus', async () => {
    const texts = async () =>
      (await cloud.slack()).map((message) => (message as { text: string }).text).filter((text) => text.includes(`[${id}]`));
    const messages = await cloud.until('every message', async () => {
      const all = await texts();
      return all.length >= 7 ? all : undefined;
    });
    expect(messages.map((text) => /\] (.+?) — /.exec(text)![1])).toEqual([
      ...['Promotion requested', 'Your approval is asked', 'Approved by an approver', 'Approved by an approver', 'Approval approved'],
      ...['Rollout started', 'Promotion succeeded'],
    ]);
    const events = (await cloud.calls()).filter(({ operation }) => operation === 'PutEvents');
    // Two promotions; this one has three steps that Slack does not hear of.
    expect(events.length).toBeGreaterThanOrEqual((await cloud.slack()).length + 3);
    for (const event of events) expect(event).toMatchObject({ function: expect.stringMatching(/deliver/i), decision: 'allowed' });
  });
});

describe('the audit log', () => {
  let log: SealedLog;
  beforeAll(async () => {
    log = await readSealedLog(cloud);
  });

  it('has one line for each transition, by who did it, in objects that nobody can delete', async () => {
    const lines = log.lines.filter(({ rid }) => rid === id);
    expect(lines.map(({ seq }) => seq)).toEqual(HISTORY.map((_, index) => index + 1));
    expect(lines.map(({ ts }) => ts)).toEqual(end.status.history.map(({ at }: { at: string }) => at));
    expect(lines.filter(({ type }) => type === 'approval.decided').map(({ actor }) => [actor.auth, actor.channel])).toEqual([
      ['oidc', 'link'],
      ['oidc', 'rest'],
    ]);
    expect(new Set(lines.map(({ plan, digest }) => `${plan} ${digest}`))).toEqual(new Set([`${created.status.planHash} ${good.digest}`]));
    const now = (await cloud.now()).getTime();
    for (const { key, mode, retainUntil } of log.objects) {
      expect(mode, key).toMatch(/^(COMPLIANCE|GOVERNANCE)$/);
      expect(retainUntil!.getTime() - now, key).toBeGreaterThan(700 * 86_400_000);
    }
  });

  it('verifies without the cloud, and names nobody', () => {
    expect(log.exitCode, log.said).toBe(0);
    expect(log.text).not.toMatch(/@example\.com|read and agreed|Customers wait/);
    const { people } = parse(readFileSync('greenlight.yaml', 'utf8')) as { people: { name: string }[] };
    expect(people.length).toBeGreaterThan(5);
    for (const { name } of people) expect(log.text).not.toContain(name);
    expect(log.text).not.toMatch(/[\w.+-]+@[\w-]+\.[a-z]{2,}|\b(?:\d{1,3}\.){3}\d{1,3}\b/i);
  });

  it('AUD-14 holds every transition of every request one to one, with who, when and under which plan', async () => {
    const requests = new Map<string, typeof log.lines>();
    for (const line of log.lines) if (line.rid.startsWith('PR-')) requests.set(line.rid, [...(requests.get(line.rid) ?? []), line]);
    expect(requests.size).toBeGreaterThan(1);
    for (const [rid, own] of requests) {
      const { status } = (await cloud.api('GET', `/v1/requests/${own[0]!.to}/${rid}`, { as: 'dev' })).body;
      expect(
        own.map(({ ts }) => ts),
        rid,
      ).toEqual(status.history.map(({ at }: { at: string }) => at));
      for (const { seq, actor, plan, type } of own) {
        expect(actor.id, `${rid} ${seq} ${type}`).toMatch(/^[a-z]+-?[\w-]+$/);
        expect(plan, `${rid} ${seq} ${type}`).toMatch(/^sha256:[0-9a-f]{64}$/);
      }
    }
  });

  it.each(TAMPERINGS)('$what: the verifier says so', async ({ work, reasons }) => {
    const key = createPublicKey(readFileSync(cloud.endpoints.auditPublicKey));
    const now = await cloud.now();
    const tampered = new TamperedLog(log.files);
    const newest = log.files.get(checkpointName(tampered.size))!;
    work(tampered);
    const verdict = await tampered.verify(key, now);
    if (reasons.length > 0) expect(reasons).toContain(verdict.invalid?.reason);
    // What the objects cannot show is said, and an anchor shows it.
    else expect(verdict).toMatchObject({ valid: true, isTailProven: false });
    expect(await tampered.verify(key, now, [newest])).toMatchObject({ valid: false });
  });

  it('as it is, verifies and its newest checkpoint is an anchor for it', async () => {
    const key = createPublicKey(readFileSync(cloud.endpoints.auditPublicKey));
    const untouched = new TamperedLog(log.files);
    const newest = log.files.get(checkpointName(untouched.size))!;
    expect(await untouched.verify(key, await cloud.now(), [newest])).toMatchObject({ valid: true, isTailProven: true });
  });
});

describe('the receipt', () => {
  const file = (name: string) => join(cloud.folder, name);
  const cli = (...argv: string[]) => greenlight([...argv], { env: cliEnvironment });
  let cliEnvironment: NodeJS.ProcessEnv;
  beforeAll(async () => {
    cliEnvironment = { GREENLIGHT_API: cloud.endpoints.api, GREENLIGHT_TOKEN: await cloud.token('auditor') };
  });

  it('is got by an auditor and verifies with a public key alone', async () => {
    const got = await cli('receipt', id, '--output', file('receipt.json'));
    expect(got.exitCode, got.stderr).toBe(0);
    const verified = await cli('verify-receipt', file('receipt.json'), '--key', cloud.endpoints.auditPublicKey);
    expect(verified.exitCode, verified.stdout + verified.stderr).toBe(0);
    for (const said of [`valid: ${id} payment-api ${VERSION}: staging → prod, succeeded`, good.digest, created.status.planHash])
      expect(verified.stdout).toContain(said);
    for (const person of ['lead', 'security']) expect(verified.stdout).toContain(`approved by ${person}@example.com`);
    for (const gate of ['policy', 'signature', 'http']) expect(verified.stdout).toContain(`gate ${gate}: passed`);
    expect(verified.stdout).toMatch(/copied to prod: sha256:[a-f0-9]{64}/);
    expect(verified.stdout).toContain(`${HISTORY.length} events proven`);
  });

  it('is found beside the image in prod, and did not come along from staging', async () => {
    const beside = async (registry: 'staging' | 'prod') => {
      const address = `http://${cloud.endpoints.registries[registry]}/v2/payment-api`;
      const { manifests } = (await (await fetch(`${address}/referrers/${good.digest}`)).json()) as Answer['body'];
      const receipts = manifests.filter(({ artifactType }: { artifactType?: string }) =>
        artifactType?.startsWith('application/vnd.greenlight.receipt'),
      );
      const bodies = receipts.map(async ({ digest }: { digest: string }) => {
        const manifest = (await (await fetch(`${address}/manifests/${digest}`)).json()) as Answer['body'];
        return (await fetch(`${address}/blobs/${manifest.layers[0].digest}`)).text();
      });
      return Promise.all(bodies);
    };
    const [inStaging, inProd] = [await beside('staging'), await beside('prod')];
    expect(inProd).toEqual([readFileSync(file('receipt.json'), 'utf8')]);
    expect(inStaging).toHaveLength(1);
    expect(inStaging).not.toEqual(inProd);
  });

  it('is refused after every change', async () => {
    const envelope = JSON.parse(readFileSync(file('receipt.json'), 'utf8')) as { payload: string; signatures: { sig: string }[] };
    const text = Buffer.from(envelope.payload, 'base64').toString('utf8');
    const changes: [string, (text: string) => string][] = [
      ['approver', (now) => now.replaceAll('lead@example.com', 'eve@example.com')],
      ['digest', (now) => now.replaceAll(good.digest.slice(7), 'f'.repeat(64))],
      ['environment', (now) => now.replaceAll('"to":"prod"', '"to":"test"')],
      ['outcome', (now) => now.replace('"outcome":"succeeded"', '"outcome":"failed"')],
      ['gate', (now) => now.replace('"status":"passed"', '"status":"waived"')],
      ['plan', (now) => now.replace('"waitSeconds":0', '"waitSeconds":1')],
      ['event', (now) => now.replace('approval.decided', 'approval.closed')],
      ['order', (now) => now.replace('"index":', '"index":1')],
      ['closure', (now) => now.replace(/"closureRoot":"sha256:../, '"closureRoot":"sha256:00')],
      ['step', (now) => now.replace('canary:10', 'canary:11')],
      ['checkpoint', (now) => now.replace(/\\n(\d+)\\n/, '\\n1$1\\n')],
    ];
    for (const [what, change] of changes) {
      expect(change(text), what).not.toBe(text);
      const payload = Buffer.from(change(text)).toString('base64');
      writeFileSync(file(`${what}.json`), JSON.stringify({ ...envelope, payload }));
      const verified = await cli('verify-receipt', file(`${what}.json`), '--key', cloud.endpoints.auditPublicKey);
      expect(verified.exitCode, `${what}: ${verified.stdout}`).toBe(1);
      expect(verified.stdout).toContain('INVALID');
    }
    const other = await cli('verify-receipt', file('receipt.json'), '--key', cloud.endpoints.signing.publicKey);
    expect(other.exitCode).toBe(1);
  });

  it('anchors the whole log, whose events are found and proven one by one', async () => {
    const found = await cli('audit', 'search', '--user', 'lead@example.com', '--environment', 'prod', '--json');
    const { items } = JSON.parse(found.stdout) as Answer['body'];
    expect(items[0]).toMatchObject({ type: 'approval.decided', requestId: id, actor: { email: 'lead@example.com', channel: 'link' } });
    expect((await cli('audit', 'prove', items[0].id, '--output', file('proof.json'))).exitCode).toBe(0);
    expect(
      faultOfProof(readProofFile(readFileSync(file('proof.json')))!, [createPublicKey(readFileSync(cloud.endpoints.auditPublicKey))]),
    ).toBe(undefined);
    const then = await greenlight(['status', 'prod', '--at', end.status.deployedAt, '--artifact', 'payment-api'], {
      env: { ...cliEnvironment, GREENLIGHT_TOKEN: await cloud.token('auditor') },
    });
    expect(then.stdout).toContain(`Allowed by: ${id}, asked for by dev@example.com`);
    expect(then.stdout).toContain('Approved by: lead@example.com');
    expect((await cli('audit', 'export', '--format', 'csv', '--output', file('log.csv'))).exitCode).toBe(0);
    expect(readFileSync(file('log.csv'), 'utf8')).toContain('"lead@example.com"');
    expect((await readSealedLog(cloud, [file('receipt.json'), file('proof.json')])).exitCode).toBe(0);
  });
});

it('answered nothing that its OpenAPI document does not describe', async () => {
  expect(await expectDescribed(cloud)).toBeGreaterThan(20);
});

it('asked for no permission that it does not have', async () => {
  const denied = (await cloud.calls()).filter(({ decision }) => decision !== 'allowed');
  expect(denied).toEqual([]);
});

it('LINK-14 LINK-17 shows no token and no key in answers, mails, Slack messages, logs or the audit log', async () => {
  const { text } = await readSealedLog(cloud);
  expect(waiting.length).toBeGreaterThan(0);
  const { found, searched } = await findSecrets(cloud, waiting, text);
  expect(found).toEqual([]);
  expect(searched).toBeGreaterThan(cloud.answers.length + 30);
});
