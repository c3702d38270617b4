import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { envelopeText, keyidOf, readEnvelope, signedBytes } from '../../core/audit/dsse.ts';
import { readKeyManifest } from '../../core/audit/log-keys.ts';
import type { ReceiptStatement } from '../../core/audit/receipt.ts';
import { checkpointInReceipt, NotAReceipt, verifyReceipt } from '../../core/audit/verify-receipt.ts';
import type { GateResult } from '../../core/gate/gate.ts';
import { recordGate } from '../../core/gate/record-gate.ts';
import { sha256Hex } from '../../core/promotion/canonical-json.ts';
import { withPhase } from '../../core/promotion/change.ts';
import { engineChange } from '../../core/promotion/engine-change.ts';
import type { AttachedDocument, RegistryWriter } from '../../core/registry/ports.ts';
import type { Task } from '../../functions/kit/task.ts';
import { expectDescribed } from './described.ts';
import { createRequest, outcome } from './requests.ts';
import { startWorld, type World } from './world.ts';

const ARTIFACT = 'ledger-api';
let world: World;
let tasks: Record<'begin' | 'copy' | 'tag' | 'finish', Task>;
let attest: typeof import('../../functions/audit/attest.job.ts').handler;
let key: KeyObject;
const attached: { registry: string; digest: string; document: AttachedDocument }[] = [];
/** What the function that makes receipts does when it is called. */
let answers: 'at once' | 'not at all' = 'at once';

beforeAll(async () => {
  world = await startWorld((configuration) => {
    configuration.artifacts[ARTIFACT] = { tenant: 'tenant-finance', type: 'api' } as never;
    Object.assign(configuration.roles, { 'tenant-auditor': { verbs: ['audit.read'], sees: 'tenant' } });
    configuration.people.push({
      ...{ subject: 'prod-auditor', email: 'prod-auditor@example.com', name: 'Pat', teams: [], tenants: ['tenant-finance'] },
      ...{ roles: ['tenant-auditor'], roleEnvironments: { 'tenant-auditor': ['prod'] } },
    } as never);
  });
  ({ handler: attest } = await import('../../functions/audit/attest.job.ts'));
  mockClient(LambdaClient)
    .on(InvokeCommand)
    .callsFake(async ({ FunctionName, Payload }: { FunctionName: string; Payload?: string }) => {
      if (FunctionName === 'seal') return void (await world.seal());
      if (answers === 'not at all') throw new Error('it does not answer');
      return { Payload: Buffer.from(JSON.stringify(await attest(JSON.parse(Payload!)))) };
    });
  const { receiptFromFunction } = await import('../../functions/registry/put-receipt.ts');
  const same = { complete: true, sourceRoot: 'sha256:root', targetRoot: 'sha256:root', manifests: 1, blobs: 1, missing: [] };
  const writer: RegistryWriter = {
    copy: async () => ({ done: true, closureRoot: 'root', manifests: 1, blobs: 1, copiedBytes: 0 }),
    tagOnce: async () => {},
    moveTag: async () => true,
    attach: async ({ name }, _repository, digest, document) => void attached.push({ registry: name, digest, document }),
  };
  tasks = {
    begin: (await import('../../functions/promotion/begin.task.ts')).begin({ seal: async () => {} }),
    copy: (await import('../../functions/registry/copy.task.ts')).copy({ writer, reader: { compare: async () => same } }),
    tag: (await import('../../functions/registry/tag.task.ts')).tag(writer),
    finish: (await import('../../functions/registry/finish.task.ts')).finish(writer, receiptFromFunction),
  } as typeof tasks;
  id = await promoted();
  const manifest = await (await import('../../adapters/audit/audit-vault.ts')).openVault().read('keys/0001');
  ({ key } = readKeyManifest(manifest!, []));
});
afterAll(() => world.close());

/** The last request that was promoted. */
let id: string;

let versions = 0;
const digestOf = (version: string) => `sha256:${sha256Hex(version)}`;

/** Asked for, approved, copied; it has no workload, so nothing is rolled out. */
async function approved(): Promise<string> {
  const version = `1.${++versions}.0`;
  world.registry.tags[version] = digestOf(version);
  const request = await createRequest(world, 'dev', { target: { name: ARTIFACT, version } });
  await passGates(request);
  const answer = await world.call('POST', `/v1/requests/staging/${request}/approve`, { as: 'cpi', body: { comment: 'seen' } });
  expect(answer.status, answer.text).toBe(200);
  return request;
}

/** Every gate answers, and what follows from that, as the tasks of the run do it. */
async function passGates(requestId: string): Promise<void> {
  const { promotions, clock } = world.state;
  const head = (await promotions.head(requestId))!;
  let now = await promotions.commit(engineChange(head, withPhase(head, 'validating'), { type: 'gates.started', action: 'validating' }));
  const plan = (await promotions.plan(requestId, head.planHash))!;
  for (const gate of plan.gates) {
    const result: GateResult = { ...gate, status: 'passed', message: 'looked at', resolution: '' };
    now = await promotions.commit(recordGate(now, plan, [], result, clock.now().toISOString()));
  }
  await (await import('../../functions/gate/settle-gates.task.ts')).settleGates({ task: 'settle-gates', requestId, attempt: 1 });
}

async function run(requestId: string): Promise<void> {
  for (const task of ['begin', 'copy', 'tag', 'finish'] as const) await tasks[task]({ task, requestId, attempt: 1 });
}

async function promoted(): Promise<string> {
  const request = await approved();
  await run(request);
  expect((await world.state.promotions.head(request))?.phase).toBe('succeeded');
  return request;
}

const receiptOf = (request: string, as = 'dev') => world.call('GET', `/v1/requests/staging/${request}/receipt`, { as });
const due = async () => (await world.state.table.all({ pk: 'RECEIPT#0' })).map((row) => row['SK']);
const reasonOf = (bytes: Uint8Array, trust = key) => {
  const verdict = verifyReceipt(bytes, trust);
  return verdict.valid ? 'valid' : verdict.reason;
};

describe('the receipt of a promotion', () => {
  it('is there when it has ended, stored once and attached to the image wherever it was copied', async () => {
    const { status, text } = await receiptOf(id);
    expect(status, text + world.logged.filter((line) => /receipt|attest/.test(line)).join('\n')).toBe(200);
    expect(attached.map(({ registry, digest }) => `${registry} ${digest}`)).toEqual([`staging ${digestOf('1.1.0')}`]);
    expect(attached[0]!.document.bytes.toString()).toBe(text);
    expect(attached[0]!.document).toMatchObject({ artifactType: 'application/vnd.greenlight.receipt.v1+json' });
    expect(await due()).not.toContain(id);
    // Made again it is the same file, and beside the image nothing changes.
    await tasks.finish({ task: 'finish', requestId: id, attempt: 1 });
    expect((await receiptOf(id)).text).toBe(text);
    expect(attached[1]!.document.bytes.toString()).toBe(text);
  });

  it('says who asked and approved, what was checked and copied, and how it ended', async () => {
    const verdict = verifyReceipt(Buffer.from((await receiptOf(id)).text), key);
    expect(verdict).toMatchObject({ valid: true });
    const { subject, predicate } = (verdict as { statement: ReceiptStatement }).statement;
    const head = (await world.state.promotions.head(id))!;
    expect(subject).toEqual([{ name: ARTIFACT, digest: { sha256: digestOf('1.1.0').slice(7) } }]);
    expect(predicate).toMatchObject({
      request: {
        id,
        kind: 'promote',
        tenant: 'tenant-finance',
        version: '1.1.0',
        digest: digestOf('1.1.0'),
        from: 'dev',
        to: 'staging',
        endedAt: head.updatedAt,
      },
      outcome: 'succeeded',
      requester: { email: 'dev@example.com' },
      planHash: head.planHash,
      gates: [{ name: 'policy', status: 'passed', evidence: expect.stringMatching(/^sha256:/) }],
      approvals: [{ by: { id: expect.stringMatching(/^p-/), email: 'cpi@example.com' }, decision: 'approve', planHash: head.planHash }],
      copy: { registries: [{ name: 'staging', status: 'tagged', closureRoot: 'sha256:root' }] },
    });
    expect(predicate.log.events).toHaveLength(head.seq);
    expect(JSON.parse(predicate.log.events.at(-1)!.line)).toMatchObject({ type: 'promotion.succeeded', seq: head.seq });
    // Free text can be erased, so none of it is in what is locked.
    expect(JSON.stringify(predicate)).not.toContain('seen');
    expect(checkpointInReceipt(Buffer.from((await receiptOf(id)).text))?.toString()).toBe(predicate.log.checkpoint);
  });

  it('is for who may see the request, and for auditors', async () => {
    for (const as of ['dev', 'cpi', 'viewer', 'auditor', 'admin']) expect((await receiptOf(id, as)).status, as).toBe(200);
    expect(outcome(await receiptOf(id, 'outsider'))).toBe('404 NOT_FOUND');
    expect(outcome(await receiptOf('PR-2026-9999'))).toBe('404 NOT_FOUND');
    const open = await approved();
    expect(outcome(await receiptOf(open))).toBe('409 STATE_CONFLICT');
    expect(outcome(await world.call('GET', `/v1/requests/prod/${id}/receipt`, { as: 'dev' }))).toBe('404 NOT_FOUND');
  });
});

describe('a receipt that was tampered with', () => {
  /** The receipt with another statement, signed by another key of the same kind unless the signature is to stay. */
  async function forged(change: (statement: ReceiptStatement) => void, isResigned = true): Promise<Buffer> {
    const envelope = readEnvelope(Buffer.from((await receiptOf(id)).text))!;
    const statement = JSON.parse(envelope.payload.toString()) as ReceiptStatement;
    change(statement);
    const payload = Buffer.from(JSON.stringify(statement));
    const signature = isResigned ? sign('sha256', signedBytes(envelope.payloadType, payload), other.privateKey) : envelope.signature;
    return Buffer.from(envelopeText({ ...envelope, payload, signature, ...(isResigned ? { keyid: keyidOf(other.publicKey) } : {}) }));
  }
  const other = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });

  it.each<[string, (statement: ReceiptStatement) => void]>([
    [
      'the approver',
      ({ predicate }) => {
        predicate.approvals[0]!.by.email = 'eve@example.com';
      },
    ],
    [
      'the digest',
      ({ predicate }) => {
        predicate.request.digest = `sha256:${'f'.repeat(64)}`;
      },
    ],
    [
      'the outcome',
      ({ predicate }) => {
        predicate.outcome = 'failed';
      },
    ],
    [
      'the result of a gate',
      ({ predicate }) => {
        predicate.gates[0]!.status = 'waived';
      },
    ],
    [
      'the plan',
      ({ predicate }) => {
        predicate.plan['waitSeconds'] = 1;
      },
    ],
    [
      'an event',
      ({ predicate }) => {
        predicate.log.events[2]!.line += ' ';
      },
    ],
    ['the events', ({ predicate }) => void predicate.log.events.splice(3, 1)],
    [
      'the root of the copy',
      ({ predicate }) => {
        predicate.copy!.registries[0]!.closureRoot = 'sha256:other';
      },
    ],
    [
      'the checkpoint',
      ({ predicate }) => {
        predicate.log.checkpoint = predicate.log.checkpoint.replace(/\n\d+\n/, '\n9999\n');
      },
    ],
    [
      'the keys of the log',
      ({ predicate }) => {
        predicate.log.keys[0] = predicate.log.keys[0]!.replace('"v":1', '"v":2');
      },
    ],
    [
      'the key of receipts',
      ({ predicate }) => {
        predicate.log.keyDeclared = predicate.log.events[0]!;
      },
    ],
  ])('is invalid: %s', async (_what, change) => {
    expect(reasonOf(await forged(change, false))).not.toBe('valid');
    expect(reasonOf(await forged(change))).not.toBe('valid');
  });

  it('is invalid with any byte of payload or signature flipped', async () => {
    const { text } = await receiptOf(id);
    const envelope = JSON.parse(text) as { payload: string; signatures: { keyid: string; sig: string }[] };
    for (let step = 0; step < 40; step++) {
      const bytes = Buffer.from(envelope.payload, 'base64');
      bytes[Math.floor((bytes.length * step) / 40)]! ^= 1;
      const verdict = () => reasonOf(Buffer.from(JSON.stringify({ ...envelope, payload: bytes.toString('base64') })));
      try {
        expect(verdict()).not.toBe('valid');
      } catch (error) {
        expect(error).toBeInstanceOf(NotAReceipt);
      }
    }
    const [signature] = envelope.signatures;
    const sig = Buffer.from(signature!.sig, 'base64');
    sig[20]! ^= 1;
    expect(reasonOf(Buffer.from(JSON.stringify({ ...envelope, signatures: [{ ...signature, sig: sig.toString('base64') }] })))).toBe(
      'BAD_SIGNATURE',
    );
    expect(reasonOf(Buffer.from(JSON.stringify({ ...envelope, payloadType: 'text/plain' })))).toBe('BAD_SIGNATURE');
    expect(reasonOf(Buffer.from(JSON.stringify({ ...envelope, signatures: [{ ...signature, keyid: 'other' }] })))).toBe('BAD_SIGNATURE');
    expect(reasonOf(Buffer.from(text), generateKeyPairSync('ed25519').publicKey)).toBe('UNKNOWN_KEY');
    expect(() => verifyReceipt(Buffer.from('{}'), key)).toThrow(NotAReceipt);
    expect(() => verifyReceipt(Buffer.from(JSON.stringify({ ...envelope, more: 1 })), key)).toThrow(NotAReceipt);
  });

  it('is invalid even when the key of receipts itself has signed what the log does not say', async () => {
    // Whoever could sign receipts can sign no state of the log: what they say is compared with what it holds.
    const receipts = await import('../../adapters/audit/receipt-signer.ts');
    const signer = receipts.receiptSigner();
    const envelope = readEnvelope(Buffer.from((await receiptOf(id)).text))!;
    const resigned = async (change: (statement: ReceiptStatement) => void) => {
      const statement = JSON.parse(envelope.payload.toString()) as ReceiptStatement;
      change(statement);
      const payload = Buffer.from(JSON.stringify(statement));
      return Buffer.from(envelopeText({ ...envelope, payload, signature: await signer.sign(signedBytes(envelope.payloadType, payload)) }));
    };
    expect(reasonOf(await resigned(() => {}))).toBe('valid');
    for (const change of [
      ({ predicate }) => {
        predicate.outcome = 'failed';
      },
      ({ predicate }) => {
        predicate.approvals[0]!.decision = 'reject';
      },
      ({ predicate }) => void predicate.approvals.pop(),
      ({ predicate }) => {
        predicate.requester.id = 'p-other';
      },
      ({ predicate }) => {
        predicate.gates[0]!.message = 'never looked';
      },
      ({ predicate }) => {
        predicate.copy!.registries[0]!.closureRoot = 'sha256:other';
      },
      ({ predicate }) => void predicate.rollout.push({ step: 'canary:10', status: 'done', startedAt: predicate.request.createdAt }),
      ({ predicate }) =>
        void predicate.waivers.push({ gate: 'policy', definitionHash: '', by: 'x', at: '', expiresAt: '', review: 'rv-1' }),
      ({ predicate }) => {
        predicate.request.tenant = 'tenant-retail';
      },
    ] as ((statement: ReceiptStatement) => void)[])
      expect(reasonOf(await resigned(change)), change.toString()).toBe('STATEMENT_MISMATCH');
    expect(
      reasonOf(
        await resigned(({ predicate }) => {
          predicate.plan['to'] = 'prod';
        }),
      ),
    ).toBe('PLAN_MISMATCH');
    expect(reasonOf(await resigned(({ predicate }) => void predicate.log.events.pop()))).toBe('STATEMENT_MISMATCH');
    expect(reasonOf(await resigned(({ predicate }) => void predicate.log.events.shift()))).toBe('CHAIN_BROKEN');
  });
});

describe('a receipt that cannot be made in time', () => {
  it('holds nothing up: the promotion has ended, and the schedule makes it', async () => {
    answers = 'not at all';
    const late = await promoted();
    expect(await due()).toContain(late);
    expect(attached.map(({ document }) => document.annotations['org.opencontainers.image.title'])).not.toContain(`${late}.json`);
    expect(outcome(await receiptOf(late))).toBe('503 AUDIT_UNAVAILABLE');
    answers = 'at once';
    expect(await attest()).toEqual({ made: 1 });
    expect(await due()).toEqual([]);
    expect(reasonOf(Buffer.from((await receiptOf(late)).text))).toBe('valid');
    expect(await attest()).toEqual({ made: 0 });
  });

  it('is made by who asks for it first, once, also by several at once', async () => {
    answers = 'not at all';
    const late = await promoted();
    answers = 'at once';
    const texts = (await Promise.all([1, 2, 3, 4].map(() => receiptOf(late)))).map(({ status, text }) => `${status} ${text}`);
    expect(new Set(texts).size).toBe(1);
    expect(texts[0]).toMatch(/^200/);
  });

  it('names nobody who was erased before, and one that was made before stays valid', async () => {
    answers = 'not at all';
    const late = await promoted();
    answers = 'at once';
    const { actor } = (await world.state.promotions.decisions(late))[0]!;
    await world.state.table.remove(`PERSON#${actor.key}`, 'PERSON');
    await world.state.table.remove(`PERSON#${actor.id}`, 'PSEUDONYM');
    const verdict = verifyReceipt(Buffer.from((await receiptOf(late)).text), key);
    expect(verdict).toMatchObject({
      valid: true,
      statement: { predicate: { approvals: [{ by: { id: actor.id, email: null, name: null } }] } },
    });
    expect(reasonOf(Buffer.from((await receiptOf(id)).text))).toBe('valid');
  });

  it('of a rollout that failed is made too', async () => {
    const failed = await approved();
    await tasks.begin({ task: 'begin', requestId: failed, attempt: 1 });
    const { fail } = await import('../../functions/promotion/fail.task.ts');
    await fail({ task: 'fail', requestId: failed, attempt: 1, step: 'copy' });
    expect(await due()).toContain(failed);
    await attest();
    const verdict = verifyReceipt(Buffer.from((await receiptOf(failed)).text), key);
    expect(verdict).toMatchObject({ valid: true, statement: { predicate: { outcome: 'failed', failure: { step: 'copy' } } } });
  });

  it('leaves its row, raises the alarm, and keeps no other waiting', async () => {
    answers = 'not at all';
    const [broken, late] = [await promoted(), await promoted()];
    answers = 'at once';
    const { table } = world.state;
    const head = (await table.get(`REQ#${broken}`, 'HEAD'))!;
    await table.put({ ...head, body: { ...(head['body'] as object), planHash: 'sha256:gone' } });
    await expect(attest()).rejects.toThrow('has no plan');
    expect(await due()).toEqual([broken]);
    expect((await receiptOf(late)).status).toBe(200);
    await table.put(head);
    expect(await attest()).toEqual({ made: 1 });
  });
});

describe('what ran then', () => {
  const at = async (instant: string, as = 'viewer') => world.call('GET', `/v1/environments/staging?at=${instant}`, { as });
  const placeOf = (json: { artifacts: { artifact: string }[] }) => json.artifacts.find(({ artifact }) => artifact === ARTIFACT);

  it('is told with who asked for it, who approved which plan, and where the receipt is', async () => {
    const head = (await world.state.promotions.head(id))!;
    const { status, json } = await at(head.deployedAt!);
    expect(status).toBe(200);
    expect(placeOf(json)).toMatchObject({
      current: { version: '1.1.0', requestId: id },
      allowed: {
        ...{ requestId: id, kind: 'promote', planHash: head.planHash, requestedBy: 'dev@example.com' },
        ...{ approvals: [{ by: 'cpi@example.com', decision: 'approve' }], receipt: `/v1/requests/staging/${id}/receipt` },
      },
    });
    const before = await at(new Date(Date.parse(head.deployedAt!) - 1).toISOString());
    expect(placeOf(before.json)).toMatchObject({ current: null, allowed: null, history: [] });
    const everywhere = (await world.call('GET', `/v1/environments?at=${head.deployedAt}`, { as: 'viewer' })).json.items;
    expect(placeOf(everywhere.find(({ environment }: { environment: string }) => environment === 'staging'))).toMatchObject({
      current: { requestId: id },
    });
  });

  it('is told to an auditor, who may change and see nothing else of requests, and to nobody of another tenant', async () => {
    const head = (await world.state.promotions.head(id))!;
    const { status, json } = await at(head.deployedAt!, 'auditor');
    expect(status).toBe(200);
    expect(placeOf(json)).toMatchObject({ allowed: { requestedBy: 'dev@example.com', approvals: [{ by: 'cpi@example.com' }] } });
    const list = await world.call('GET', `/v1/environments?at=${head.deployedAt}`, { as: 'auditor' });
    expect(list.json.items.map(({ environment }: { environment: string }) => environment)).toEqual(['dev', 'staging', 'prod']);
    expect(outcome(await world.call('GET', `/v1/requests/staging/${id}`, { as: 'auditor' }))).toBe('403 FORBIDDEN');
    expect(outcome(await world.call('POST', '/v1/environments/staging/lock', { as: 'auditor', body: { reason: 'to look at it' } }))).toBe(
      '403 FORBIDDEN',
    );
    expect(placeOf((await at(head.deployedAt!, 'outsider')).json)).toBeUndefined();
    // Who audits production learns nothing of other environments.
    expect(outcome(await at(head.deployedAt!, 'prod-auditor'))).toBe('403 FORBIDDEN');
    const own = await world.call('GET', `/v1/environments?at=${head.deployedAt}`, { as: 'prod-auditor' });
    expect(own.json.items.map(({ environment }: { environment: string }) => environment)).toEqual(['prod']);
  });

  it('is asked for a time that was', async () => {
    expect(outcome(await at('2090-01-01T00:00:00Z'))).toBe('400 INVALID_REQUEST');
    expect(outcome(await at('yesterday'))).toBe('400 INVALID_DATE');
    expect((await at('2001-01-01T00:00:00%2B02:00')).status).toBe(200);
  });
});

it('the log declares the key of receipts once', async () => {
  const { items } = (await world.call('GET', '/v1/audit?request=sys:receipts', { as: 'auditor' })).json;
  expect(items).toHaveLength(1);
  expect(createPublicKey({ key: Buffer.from(items[0].data.spki, 'base64'), format: 'der', type: 'spki' }).asymmetricKeyType).toBe('ec');
});

it('an event is proven by its id, to its auditors only', async () => {
  const { items } = (await world.call('GET', `/v1/audit?request=${id}&limit=1`, { as: 'auditor' })).json;
  const proof = (as: string, event = items[0].id) => world.call('GET', `/v1/audit/${event}/proof`, { as });
  const { readProofFile, faultOfProof } = await import('../../core/audit/proof-file.ts');
  const { status, text } = await proof('auditor');
  expect(status).toBe(200);
  expect(faultOfProof(readProofFile(Buffer.from(text))!, [key])).toBeUndefined();
  expect(outcome(await proof('dev'))).toBe('403 FORBIDDEN');
  expect(outcome(await proof('outsider'))).toBe('404 NOT_FOUND');
  expect(outcome(await proof('auditor', '0'.repeat(32)))).toBe('404 NOT_FOUND');
  expect(outcome(await proof('auditor', 'HEAD'))).toBe('404 NOT_FOUND');
});

it('the answers are as the description says', () => {
  return expectDescribed(world);
});
