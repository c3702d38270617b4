import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { gateRunRows } from '../../adapters/gate/gate-run-rows.ts';
import { signMessage } from '../../core/gate/webhook-signature.ts';
import { withPhase } from '../../core/promotion/change.ts';
import { engineChange } from '../../core/promotion/engine-change.ts';
import { expectDescribed } from './described.ts';
import { createRequest, eventsOf, openApproval, outcome } from './requests.ts';
import { type Answer, startWorld, type World } from './world.ts';
import { effects } from './write-surfaces.ts';

const SECRET = 'hmac secret';
const LIST = '/v1/requests/staging';

let world: World;
let count = 0;

beforeAll(async () => {
  mockClient(SecretsManagerClient).on(GetSecretValueCommand).resolves({ SecretString: SECRET });
  world = await startWorld((configuration) => {
    configuration.automatedApprovers['advisor'] = {
      name: 'advisor',
      url: 'https://advisor.example.com',
      secret: 'secret:greenlight/advisor',
    };
    configuration.automatedApprovers['idler'] = { name: 'idler', url: 'https://idler.example.com', secret: 'secret:greenlight/idler' };
    const rules = [
      { role: 'cpi', min: 1 },
      { automated: 'advisor', min: 1 },
    ];
    configuration.environments['staging']!.approvals = [{ name: 'review', rules }];
  });
});
afterAll(() => world.close());

interface Signing {
  secret?: string;
  /** Seconds from now. */
  at?: number;
  id?: string;
  /** Replaces headers after signing; undefined removes one. */
  headers?: Record<string, string | undefined>;
  /** Sent in the place of what was signed. */
  sent?: string;
}

/** From an address of its own: the limit on failures is not what is looked at. */
function post(
  path: string,
  body: unknown,
  { secret = SECRET, at = 0, id = `message-${count}`, headers = {}, sent }: Signing = {},
): Promise<Answer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const signed = { ...signMessage(secret, id, seconds(at), Buffer.from(text)), ...headers };
  const kept = Object.fromEntries(Object.entries(signed).filter((entry): entry is [string, string] => entry[1] !== undefined));
  return world.call('POST', path, { body: sent ?? text, headers: kept, sourceIp: `203.0.113.${count++ % 250}` });
}

const seconds = (offset: number) => new Date(Date.now() + offset * 1_000);

/** Read when it is sent: of the moment when this file was loaded, a test a minute later would sign it as well. */
function anotherTime(): Record<string, string> {
  return {
    get 'webhook-timestamp'() {
      return String(Math.floor(Date.now() / 1000) + 60);
    },
  };
}

/** What is not signed as it should be, whatever is signed. */
const UNSIGNED: [string, Signing][] = [
  ['without any header', { headers: { 'webhook-id': undefined, 'webhook-timestamp': undefined, 'webhook-signature': undefined } }],
  ['without an id', { headers: { 'webhook-id': undefined } }],
  ['without a time stamp', { headers: { 'webhook-timestamp': undefined } }],
  ['without a signature', { headers: { 'webhook-signature': undefined } }],
  ['with an empty signature', { headers: { 'webhook-signature': '' } }],
  ['with a signature of nothing', { headers: { 'webhook-signature': 'v1,' } }],
  ['with words for a signature', { headers: { 'webhook-signature': 'v1,undefined' } }],
  ['of another version', { headers: { 'webhook-signature': 'v2,AAAA' } }],
  ['of 32 zero bytes', { headers: { 'webhook-signature': `v1,${Buffer.alloc(32).toString('base64')}` } }],
  ['with another id than was signed', { headers: { 'webhook-id': 'message-2' } }],
  ['with another time than was signed', { headers: anotherTime() }],
  ['with a time that is no number', { headers: { 'webhook-timestamp': 'now' } }],
  ['with a time in hexadecimal', { headers: { 'webhook-timestamp': '0x69000000' } }],
  ['with a wrong secret', { secret: 'wrong' }],
  ['with an empty secret', { secret: 'whsec_' }],
  ['301 seconds old', { at: -302 }],
  ['301 seconds ahead', { at: 330 }],
  ['with another body than was signed', { sent: '{"status":"passed","message":"other"}' }],
  ['with its body spelled in another way', { sent: '{ "status":"passed"}' }],
  ['with a signature behind the fifth', { headers: { 'webhook-signature': 'v1,AAAA v1,AAAA v1,AAAA v1,AAAA v1,AAAA v1,AAAA' } }],
];

describe('the answer of a gate', () => {
  let id: string;
  let runId: string;

  beforeEach(async () => {
    id = await createRequest(world);
    runId = `run-of-${++count}`;
    await gateRunRows(world.state.table).keep({ runId, requestId: id, attempt: 1, gate: 'policy' }, new Date());
  });

  const path = (run = runId) => `/v1/hooks/gates/${run}`;
  const result = async () => (await world.state.promotions.gates(id, 1)).find(({ name }) => name === 'policy');
  const head = async () => (await world.state.promotions.head(id))!;
  async function begin() {
    const before = await head();
    await world.state.promotions.commit(
      engineChange(before, withPhase(before, 'validating'), { type: 'gates.started', action: 'validating' }),
    );
  }

  it.each(UNSIGNED)('HOOK-01: %s is 401, and nothing is recorded', async (_how, signing) => {
    await begin();
    const before = await effects(world);
    const answer = await post(path(), { status: 'passed' }, signing);
    expect(outcome(answer)).toBe('401 BAD_SIGNATURE');
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(await result()).toBeUndefined();
    expect(await effects(world)).toBe(before);
  });

  it('HOOK-01: is believed within five minutes either way, and by one of several signatures', async () => {
    await begin();
    const messageId = `good-${count}`;
    const good = signMessage(SECRET, messageId, new Date(), Buffer.from('{"status":"passed"}'))['webhook-signature'];
    expect(
      outcome(await post(path(), { status: 'passed' }, { id: messageId, headers: { 'webhook-signature': `v1,AAAA v2,x ${good}` } })),
    ).toBe('200');
    for (const at of [-290, 290]) expect((await post(path(), { status: 'passed' }, { at })).json.repeated).toBe(true);
  });

  it('HOOK-01: replayed, also twenty times at once and under other ids, has one effect', async () => {
    await begin();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, number) => post(path(), { status: 'passed' }, { id: `m-${number % 2}` })),
    );
    expect(answers.map(outcome)).toEqual(Array(20).fill('200'));
    expect(answers.filter(({ json }) => !json.repeated)).toHaveLength(1);
    expect(await eventsOf(world, id, 'gate.finished')).toBe(1);
    expect(await eventsOf(world, id, 'gate.refused')).toBe(0);
  });

  describe('captured and sent to another run of the same secret', () => {
    let other: string;
    beforeEach(async () => {
      await begin();
      other = `other-of-${runId}`;
      const another = await createRequest(world);
      await gateRunRows(world.state.table).keep({ runId: other, requestId: another, attempt: 1, gate: 'policy' }, new Date());
    });

    it.each<[string, () => { id?: string; body: object }]>([
      ['with the run as webhook-id', () => ({ id: other, body: { status: 'passed' } })],
      ['with the run in its body', () => ({ body: { status: 'passed', runId: other } })],
      ['with the run in its body, and this one as webhook-id', () => ({ id: runId, body: { status: 'passed', runId: other } })],
    ])('HOOK-01: %s is 401, whichever comes first', async (_how, message) => {
      const { id: messageId, body } = message();
      const before = await effects(world);
      const answer = await post(path(), body, messageId === undefined ? {} : { id: messageId });
      expect(outcome(answer)).toBe('401 BAD_SIGNATURE');
      expect(await result()).toBeUndefined();
      expect(await effects(world)).toBe(before);
    });

    it('HOOK-01: naming neither is accepted for the first run only', async () => {
      const [messageId, at] = [`captured-${count}`, new Date()];
      const body = '{"status":"passed"}';
      const headers = { ...signMessage(SECRET, messageId, at, Buffer.from(body)) };
      const send = (run: string) => world.call('POST', path(run), { body, headers, sourceIp: `203.0.113.${count++ % 250}` });
      expect(outcome(await send(runId))).toBe('200');
      expect(outcome(await send(other))).toBe('401 BAD_SIGNATURE');
      expect((await send(runId)).json).toEqual({ accepted: true, repeated: true });
    });

    it('its own answer is taken by either', async () => {
      expect(outcome(await post(path(), { status: 'passed' }, { id: runId }))).toBe('200');
      expect((await post(path(), { status: 'passed', runId })).json.repeated).toBe(true);
    });
  });

  it('HOOK-01: unsigned is 401 whatever its query says', async () => {
    expect(outcome(await post(`${path()}?a=1&a=2`, { status: 'passed' }, { secret: 'wrong' }))).toBe('401 BAD_SIGNATURE');
  });

  it('HOOK-01: is told of no run that does not exist more than of a bad signature', async () => {
    const [none, wrong] = [
      await post(path('run-none'), { status: 'passed' }),
      await post(path(), { status: 'passed' }, { secret: 'wrong' }),
    ];
    expect({ ...none.json, requestId: '' }).toEqual({ ...wrong.json, requestId: '' });
  });

  it('HOOK-02: too large or compressed is refused before its signature is looked at', async () => {
    const large = `{"status":"passed","message":"${'x'.repeat(256 * 1024)}"}`;
    expect(outcome(await post(path('run-none'), large, { secret: 'wrong' }))).toBe('413 PAYLOAD_TOO_LARGE');
    expect(outcome(await post(path('run-none'), large))).toBe('413 PAYLOAD_TOO_LARGE');
    for (const encoding of ['gzip', 'br', 'deflate', 'gzip, gzip'])
      expect(outcome(await post(path(), { status: 'passed' }, { headers: { 'content-encoding': encoding } })), encoding).toBe(
        '415 UNSUPPORTED_MEDIA_TYPE',
      );
    expect(outcome(await post(path(), { status: 'passed' }, { headers: { 'content-type': 'text/plain' } }))).toBe(
      '415 UNSUPPORTED_MEDIA_TYPE',
    );
  });

  it.each([
    ...[
      '{"status":"successful"}',
      '{"status":"successful","extra":1}',
      '{"status":"Successful"}',
      '{"status":"Passed"}',
      '{"status":"PASSED"}',
    ],
    ...[
      '{"status":"passed "}',
      '{"status":"passed\\u0000"}',
      '{"status":"pаssed"}',
      '{"status":true}',
      '{"status":1}',
      '{"status":null}',
      '{"status":""}',
    ],
    ...[
      '{"status":["passed"]}',
      '{"status":{"passed":true}}',
      '{"status":"waived"}',
      '{"status":"running"}',
      '{"status":"errored"}',
      '{}',
      '[]',
      'null',
    ],
    ...[
      '{"message":"fine"}',
      '{"Status":"passed"}',
      '{"status":"passed","extra":1}',
      '{"status":"passed","gate":"other"}',
      'passed',
      '"passed"',
      '',
    ],
    ...[
      '{"status":"failed","status":"passed"}',
      '{"status":"passed","__proto__":{"status":"passed"}}',
      '{"__proto__":{"status":"passed"}}',
      '\ufeff{"status":"passed"}',
    ],
    ...[
      '{"status":"passed","message":7}',
      `{"status":"passed","message":"${'x'.repeat(65_537)}"}`,
      '{"status":"passed","message":"\\ud800"}',
    ],
  ])('HOOK-05: %s is 400, and no answer', async (body) => {
    await begin();
    const before = await effects(world);
    expect((await post(path(), body)).status).toBe(400);
    expect(await result()).toBeUndefined();
    expect(await effects(world)).toBe(before);
  });

  describe('that nobody waits for', () => {
    /** 409, one event for the log, and everything else as it was. */
    async function expectRefused(body: object) {
      const [before, known, refused] = [await head(), await result(), await eventsOf(world, id, 'gate.refused')];
      expect(outcome(await post(path(), body))).toBe('409 STATE_CONFLICT');
      const after = await head();
      const comparable = ({ phase, attempt, planHash, waitingOn, waivers }: typeof after) => ({
        phase,
        attempt,
        planHash,
        waitingOn,
        waivers,
      });
      expect(comparable(after)).toEqual(comparable(before));
      expect(await result()).toEqual(known);
      expect(await eventsOf(world, id, 'gate.refused')).toBe(refused + 1);
      expect((await world.call('GET', `${LIST}/${id}`, { as: 'dev' })).json.status.history.at(-1)).toMatchObject({ action: 'late_answer' });
    }

    it('HOOK-04: comes before the gates have begun', () => expectRefused({ status: 'passed' }));

    it('HOOK-04: comes after the request was cancelled', async () => {
      await begin();
      expect((await world.call('POST', `${LIST}/${id}/cancel`, { as: 'dev', body: {} })).status).toBe(200);
      await expectRefused({ status: 'passed' });
    });

    it('HOOK-04: comes after the gate was given up', async () => {
      await begin();
      const before = await head();
      const { definitionHash } = (await world.state.promotions.plan(id, before.planHash))!.gates.find(({ name }) => name === 'policy')!;
      const gaveUp = {
        name: 'policy',
        type: 'http',
        status: 'errored',
        message: 'no answer in time',
        resolution: '',
        definitionHash,
        runId,
      } as const;
      const event = { type: 'gate.finished', action: 'gate_errored' } as const;
      await world.state.promotions.commit(engineChange(before, before, event, { gates: [gaveUp] }));
      for (const status of ['passed', 'failed']) await expectRefused({ status });
    });

    it('HOOK-04: says otherwise than the one that counts', async () => {
      await begin();
      expect((await post(path(), { status: 'failed' })).status).toBe(200);
      await expectRefused({ status: 'passed' });
      expect(await result()).toMatchObject({ status: 'failed' });
    });

    it('HOOK-04: belongs to an attempt that is over', async () => {
      await begin();
      const before = await head();
      await world.state.promotions.commit(
        engineChange(before, { ...before, attempt: 2 }, { type: 'promotion.retried', action: 'retried' }),
      );
      await expectRefused({ status: 'passed' });
    });

    it('is recorded twenty times and no more', async () => {
      for (let number = 0; number < 23; number++) expect(outcome(await post(path(), { status: 'passed' }))).toBe('409 STATE_CONFLICT');
      expect(await eventsOf(world, id, 'gate.refused')).toBe(20);
    });
  });
});

describe('the decision of an automated approver', () => {
  let id: string;
  let planHash: string;

  beforeEach(async () => {
    id = await openApproval(world);
    planHash = (await world.state.promotions.head(id))!.planHash;
  });

  const path = (approver = 'advisor', request = id) => `/v1/hooks/approvals/${request}/${approver}`;
  const approval = () => ({ decision: 'approve', planHash });
  const decisions = async () => (await world.state.promotions.decisions(id)).length;

  it.each(UNSIGNED)('HOOK-01: %s is 401, and nothing is decided', async (_how, signing) => {
    const before = await effects(world);
    expect(outcome(await post(path(), approval(), signing))).toBe('401 BAD_SIGNATURE');
    expect(await effects(world)).toBe(before);
  });

  it('HOOK-01: comes from nobody who is not configured, and that looks like a bad signature', async () => {
    for (const approver of ['nobody', '__proto__', 'constructor', 'Advisor', 'advisor%20', '%00', 'x'.repeat(300)])
      expect(outcome(await post(path(approver), approval())), approver).toBe('401 BAD_SIGNATURE');
    expect(await decisions()).toBe(0);
  });

  it('HOOK-01: replayed, also twenty times at once and under other ids, counts once', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, (_, number) => post(path(), approval(), { id: `m-${number % 2}` })));
    expect(answers.map(outcome)).toEqual(Array(20).fill('200'));
    expect(await eventsOf(world, id, 'approval.decided')).toBe(1);
    expect(outcome(await post(path(), { decision: 'reject', planHash, reason: 'another mind entirely' }))).toBe('409 ALREADY_DECIDED');
  });

  it('HOOK-02: too large is refused before its signature is looked at', async () => {
    const large = { ...approval(), reason: 'x'.repeat(256 * 1024) };
    expect(outcome(await post(path('nobody'), large, { secret: 'wrong' }))).toBe('413 PAYLOAD_TOO_LARGE');
  });

  it('HOOK-05: is one of two exact words on one plan, and nothing else', async () => {
    const before = await effects(world);
    for (const body of [
      ...['approved', 'Approve', 'APPROVE', ' approve', true, 1, null, ['approve'], {}].map((decision) => ({ ...approval(), decision })),
      ...[
        { planHash },
        { decision: 'approve' },
        {},
        [],
        null,
        'approve',
        { ...approval(), planHash: 'sha256:x' },
        { ...approval(), team: 'cpi' },
      ],
      ...[
        { ...approval(), actor: 'cpi@example.com' },
        { decision: 'reject', planHash },
        { decision: 'reject', planHash, reason: '    x    ' },
      ],
      ...[
        { ...approval(), reason: 'a \u202e b' },
        { ...approval(), planHash: planHash.toUpperCase() },
        { ...approval(), planHash: `${planHash}\n` },
      ],
    ])
      expect((await post(path(), body)).status, JSON.stringify(body)).toBe(400);
    for (const text of [
      `{"decision":"reject","decision":"approve","planHash":"${planHash}"}`,
      '{',
      '',
      `{"__proto__":{},"decision":"approve","planHash":"${planHash}"}`,
    ])
      expect((await post(path(), text)).status, text).toBe(400);
    expect(await effects(world)).toBe(before);
  });

  it('HOOK-04: changes nothing where it is not asked, on another plan, or when the request is over', async () => {
    expect(outcome(await post(path('advisor', 'PR-2026-9999'), approval()))).toBe('404 NOT_FOUND');
    expect(outcome(await post(path('advisor', 'x'.repeat(3_000)), approval()))).toBe('404 NOT_FOUND');
    expect(outcome(await post(path('idler'), approval()))).toBe('403 NOT_AN_APPROVER');
    expect(outcome(await post(path(), { ...approval(), planHash: `sha256:${'0'.repeat(64)}` }))).toBe('409 PLAN_CHANGED');
    const early = await createRequest(world);
    const other = { ...approval(), planHash: (await world.state.promotions.head(early))!.planHash };
    expect((await post(path('advisor', early), other)).status).toBe(409);
    expect((await world.call('POST', `${LIST}/${id}/cancel`, { as: 'dev', body: {} })).status).toBe(200);
    const before = await effects(world);
    expect(outcome(await post(path(), approval()))).toBe('409 STATE_CONFLICT');
    expect([await decisions(), await effects(world)]).toEqual([0, before]);
  });
});

it('HOOK-14: there is no address at which anybody could report a bounce: SES tells the bus', async () => {
  const forged = { Type: 'Notification', SigningCertURL: 'https://evil.example/cert.pem', SubscribeURL: 'https://evil.example/subscribe' };
  for (const address of ['/v1/hooks/sns', '/v1/hooks/ses', '/v1/webhooks/ses', '/v1/hooks'])
    expect(
      [await world.call('POST', address, { body: forged }), await world.call('POST', address, { as: 'admin', body: forged })].map(outcome),
      address,
    ).toEqual(['401 UNAUTHENTICATED', '404 NOT_FOUND']);
});

it('answers as the description says', () => expectDescribed(world));
