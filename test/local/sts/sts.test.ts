import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Caller, LocalService, ServiceRequest } from '../../../local/service.ts';
import { createSts } from '../../../local/sts/sts.ts';
import { makeContext, type TestContext } from '../context.ts';

let context: TestContext;
let sts: LocalService;

beforeEach(async () => {
  context = makeContext('sts');
  sts = await createSts(context);
});
afterEach(() => context.dispose());

const ADMIN: Caller = { kind: 'admin', accessKeyId: 'AKIA' };
const ROLE: Caller = {
  kind: 'role',
  accessKeyId: 'ASIA',
  roleArn: 'arn:aws:iam::000000000000:role/team/decide-role',
  functionName: 'decide',
};
const IDENTITY = 'Action=GetCallerIdentity&Version=2011-06-15';

function request(caller: Caller, options: { query?: string; form?: string; accept?: string }): ServiceRequest {
  return {
    method: options.form === undefined ? 'GET' : 'POST',
    url: new URL(`http://127.0.0.1/?${options.query ?? ''}`),
    headers: options.accept ? { accept: options.accept } : {},
    body: Buffer.from(options.form ?? ''),
    caller,
    requestId: 'r-1',
    presigned: options.query !== undefined,
  };
}

test('a presigned GET answers the session of a role as XML', async () => {
  const { status, body } = await sts.handle(request(ROLE, { query: `${IDENTITY}&X-Amz-Expires=60` }));
  expect(status).toBe(200);
  expect(body).toContain('<Arn>arn:aws:sts::000000000000:assumed-role/decide-role/decide</Arn>');
  expect(body).toMatch(/<UserId>AROA[A-Z2-7]{17}:decide<\/UserId>/);
});

test('a POST that accepts JSON answers the administrator as JSON', async () => {
  const { body } = await sts.handle(request(ADMIN, { form: IDENTITY, accept: 'application/json' }));
  const { GetCallerIdentityResponse: answer } = JSON.parse(String(body));
  expect(answer.GetCallerIdentityResult.Arn).toBe('arn:aws:iam::000000000000:user/admin');
  expect(answer.GetCallerIdentityResult.Account).toBe('000000000000');
});

test('the SDK reads the identity', async () => {
  const { origin } = await context.listeners.listen('sts', async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const answer = await sts.handle(request(ROLE, { form: Buffer.concat(chunks).toString() }));
    outgoing.writeHead(answer.status, answer.headers).end(answer.body);
  });
  const client = new STSClient({ endpoint: origin, region: 'eu-central-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } });
  const identity = await client.send(new GetCallerIdentityCommand({}));
  expect(identity.Arn).toBe('arn:aws:sts::000000000000:assumed-role/decide-role/decide');
  client.destroy();
});

test('credentials are not issued by request, and the refusal is logged', async () => {
  const form = 'Action=AssumeRole&Version=2011-06-15&RoleArn=arn:aws:iam::000000000000:role/x&RoleSessionName=s';
  const { status, body } = await sts.handle(request(ROLE, { form }));
  expect(status).toBe(403);
  expect(body).toContain('<Code>AccessDenied</Code>');
  expect(context.logged).toHaveLength(1);
  expect(await sts.checks(request(ROLE, { form }))).toEqual([{ action: 'sts:AssumeRole', resource: 'arn:aws:iam::000000000000:role/x' }]);
});

test('an unknown action is InvalidAction, and asking who one is needs no permission', async () => {
  const { status, body } = await sts.handle(request(ADMIN, { form: 'Action=Nonsense&Version=2011-06-15' }));
  expect([status, String(body).includes('<Code>InvalidAction</Code>')]).toEqual([400, true]);
  expect(await sts.checks(request(ROLE, { form: IDENTITY }))).toEqual([]);
});
