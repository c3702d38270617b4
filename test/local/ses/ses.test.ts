import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import {
  GetIdentityVerificationAttributesCommand,
  GetSendQuotaCommand,
  GetSendStatisticsCommand,
  ListIdentitiesCommand,
  SESClient,
  SendEmailCommand,
  SendRawEmailCommand,
  SendTemplatedEmailCommand,
  VerifyEmailIdentityCommand,
} from '@aws-sdk/client-ses';
import { afterEach, describe, expect, it } from 'vitest';
import type { ResourceRequest, ServiceRequest } from '../../../local/service.ts';
import type { Mail } from '../../../local/ses/mailbox.ts';
import { createSes, type Ses } from '../../../local/ses/ses.ts';
import { makeContext, type TestContext } from '../context.ts';

interface World {
  context: TestContext;
  service: Ses;
  client: SESClient;
  endpoint: string;
  server: Server;
  inbox(query?: string): Promise<Mail[]>;
}

const worlds: World[] = [];
afterEach(async () => {
  const closing = worlds.splice(0);
  for (const { service, context, server, client } of closing) {
    client.destroy();
    server.closeAllConnections();
    server.close();
    await service.close?.();
    await context.stop();
  }
  for (const { context } of closing) rmSync(context.data, { recursive: true, force: true });
});

async function world(data?: string): Promise<World> {
  const context = makeContext('ses', data === undefined ? {} : { data });
  const service = await createSes(context);
  const server = createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const answer = await service.handle(requestOf(incoming.method!, incoming.url!, Buffer.concat(chunks)));
    outgoing.writeHead(answer.status, answer.headers).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = new SESClient({
    endpoint,
    region: context.region,
    credentials: { accessKeyId: 'a', secretAccessKey: 's' },
    maxAttempts: 1,
  });
  const made: World = {
    context,
    service,
    client,
    endpoint,
    server,
    inbox: async (query = '') => (await (await fetch(`${service.mailOrigin}/inbox${query}`)).json()) as Mail[],
  };
  worlds.push(made);
  await declare(made, 'AWS::SES::EmailIdentity', { EmailIdentity: 'example.com' });
  return made;
}

function requestOf(method: string, path: string, body: Buffer): ServiceRequest {
  const url = new URL(path, 'http://127.0.0.1');
  return { method, url, headers: {}, body, caller: { kind: 'admin', accessKeyId: 'a' }, requestId: 'r-1', presigned: false };
}

function declare({ service }: World, type: string, properties: object) {
  const request = {
    type,
    properties: { ...properties },
    logicalId: 'X',
    stack: 's',
    defaultName: 's-X',
    assembly: '',
  } as unknown as ResourceRequest;
  return service.resources[type]!(request);
}

const mail = (more: object = {}, message: object = {}) =>
  new SendEmailCommand({
    Source: 'Greenlight <noreply@example.com>',
    Destination: { ToAddresses: ['a@example.org'] },
    Message: { Subject: { Data: 'Hello' }, Body: { Text: { Data: 'Text' } }, ...message },
    ...more,
  });

describe('version 1', () => {
  it('keeps every recipient and both bodies, in a proper message', async () => {
    const { client, inbox, context } = await world();
    const subject = 'Freigabe für „payment-api“ ✅ – ein Betreff, der länger ist als eine Zeile einer Mail sein darf';
    const text = `Grüße\n${'long '.repeat(40)}\n.\nend `;
    const html = '<p>Grüße = <a href="https://x.test/?a=1&amp;b=2">here</a></p>';
    const { MessageId } = await client.send(
      mail(
        {
          Destination: {
            ToAddresses: ['a@example.org', 'Ö <b@example.org>'],
            CcAddresses: ['c@example.org'],
            BccAddresses: ['d@example.org'],
          },
        },
        { Subject: { Data: subject }, Body: { Text: { Data: text }, Html: { Data: html } } },
      ),
    );
    const [kept] = await inbox();
    expect(kept).toMatchObject({
      messageId: MessageId,
      from: 'Greenlight <noreply@example.com>',
      to: ['a@example.org', 'b@example.org', 'c@example.org', 'd@example.org'],
      subject,
      text,
      html,
    });
    expect(Math.abs(Date.parse(kept!.at) - context.clock.now())).toBeLessThan(5_000);
    expect(kept!.raw).toContain('Content-Type: multipart/alternative');
    expect(kept!.raw).not.toContain('d@example.org');
    expect(
      Math.max(
        ...kept!.raw
          .replace(/Message-ID.*/, '')
          .split('\r\n')
          .map((line) => line.length),
      ),
    ).toBeLessThanOrEqual(78);
    // What was built reads back as what was given.
    const again = await world();
    await again.client.send(new SendRawEmailCommand({ RawMessage: { Data: Buffer.from(kept!.raw) } }));
    const [read] = await again.inbox();
    expect(read).toMatchObject({
      subject,
      html,
      to: ['a@example.org', 'b@example.org', 'c@example.org'],
      from: 'Greenlight <noreply@example.com>',
    });
    expect(read!.text.replaceAll('\r\n', '\n')).toBe(text);
  });

  it('reads raw messages: folded and encoded headers, nested parts, base64, other charsets, no attachments', async () => {
    const { client, inbox } = await world();
    const raw = [
      'From: =?ISO-8859-1?Q?J=FCrgen_M=FCller?= <j@example.com>',
      'To: "Last, First" <a@example.org>,',
      ' b@example.org',
      'Bcc: hidden@example.org',
      'Subject: =?UTF-8?B?R3LDvMOf?= =?UTF-8?B?ZQ==?= folded',
      '\tline',
      'Content-Type: multipart/mixed; boundary=outer',
      '',
      'preamble',
      '--outer',
      'Content-Type: multipart/alternative; boundary="in ner"',
      '',
      '--in ner',
      'Content-Type: text/plain; charset=iso-8859-1',
      'Content-Transfer-Encoding: quoted-printable',
      '',
      'Stra=DFe soft=',
      ' break',
      '--in ner',
      'Content-Type: text/html; charset=utf-8',
      'Content-Transfer-Encoding: base64',
      '',
      Buffer.from('<b>ß</b>').toString('base64'),
      '--in ner--',
      '--outer',
      'Content-Type: text/plain',
      'Content-Disposition: attachment; filename=x.txt',
      '',
      'attached',
      '--outer--',
      '',
    ].join('\r\n');
    await client.send(new SendRawEmailCommand({ RawMessage: { Data: Buffer.from(raw) } }));
    const [kept] = await inbox();
    expect(kept).toMatchObject({
      to: ['a@example.org', 'b@example.org', 'hidden@example.org'],
      subject: 'Grüße folded line',
      text: 'Straße soft break',
      html: '<b>ß</b>',
    });
    expect(kept!.raw).not.toContain('hidden@example.org');
  });

  it.each([
    ['a bad address', { Destination: { ToAddresses: ['nobody'] } }, {}, 'InvalidParameterValue'],
    ['a line break in an address', { Destination: { ToAddresses: ['a@example.org\r\nBcc: x@example.org'] } }, {}, 'InvalidParameterValue'],
    ['a line break in the subject', {}, { Subject: { Data: 'x\r\nBcc: x@example.org' } }, 'InvalidParameterValue'],
    ['no recipient', { Destination: {} }, {}, 'InvalidParameterValue'],
    ['a sender without identity', { Source: 'x@example.net' }, {}, 'MessageRejected'],
    ['an unknown configuration set', { ConfigurationSetName: 'none' }, {}, 'ConfigurationSetDoesNotExist'],
  ])('refuses %s', async (_, more, message, code) => {
    const { client, inbox } = await world();
    await expect(client.send(mail(more, message))).rejects.toMatchObject({ name: expect.stringContaining(code) });
    expect(await inbox()).toEqual([]);
  });

  it('answers quota, statistics, identities, and InvalidAction for the rest', async () => {
    const { client } = await world();
    await client.send(mail());
    expect(await client.send(new GetSendQuotaCommand({}))).toMatchObject({ Max24HourSend: 50_000, SentLast24Hours: 1 });
    expect((await client.send(new GetSendStatisticsCommand({}))).SendDataPoints).toMatchObject([{ DeliveryAttempts: 1 }]);
    await client.send(new VerifyEmailIdentityCommand({ EmailAddress: 'me@example.net' }));
    expect((await client.send(new ListIdentitiesCommand({}))).Identities).toEqual(['example.com', 'me@example.net']);
    const verified = await client.send(new GetIdentityVerificationAttributesCommand({ Identities: ['me@example.net', 'no@example.net'] }));
    expect(verified.VerificationAttributes).toEqual({ 'me@example.net': { VerificationStatus: 'Success' } });
    const templated = new SendTemplatedEmailCommand({ Source: 'a@example.com', Destination: {}, Template: 't', TemplateData: '{}' });
    await expect(client.send(templated)).rejects.toMatchObject({ name: 'InvalidAction' });
  });

  it('serves the AWS command line', async (test) => {
    const { endpoint, inbox } = await world();
    const environment = {
      ...process.env,
      AWS_ACCESS_KEY_ID: 'a',
      AWS_SECRET_ACCESS_KEY: 's',
      AWS_DEFAULT_REGION: 'eu-central-1',
      AWS_ENDPOINT_URL: endpoint,
    };
    const parts = ['--from', 'noreply@example.com', '--to', 'a@example.org', 'b@example.org', '--subject', 'From the shell', '--text', 'x'];
    const run = promisify(execFile)('aws', ['ses', 'send-email', ...parts], { env: environment });
    const output = await run.catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') test.skip('the AWS command line is not installed');
      throw error;
    });
    expect(JSON.parse(output.stdout)).toHaveProperty('MessageId');
    expect(await inbox()).toMatchObject([{ subject: 'From the shell', to: ['a@example.org', 'b@example.org'] }]);
  });
});

describe('version 2', () => {
  const post = (endpoint: string, body: object) =>
    fetch(`${endpoint}/v2/email/outbound-emails`, { method: 'POST', body: JSON.stringify(body) });

  it('sends simple and raw content, and spells its own errors', async () => {
    const { endpoint, inbox } = await world();
    const envelope = { FromEmailAddress: 'noreply@example.com', Destination: { ToAddresses: ['a@example.org'] } };
    const simple = {
      Simple: { Subject: { Data: 'Two' }, Body: { Html: { Data: '<b>x</b>' } }, Headers: [{ Name: 'X-Kind', Value: 'k' }] },
    };
    expect(await (await post(endpoint, { ...envelope, Content: simple })).json()).toHaveProperty('MessageId');
    const raw = { Raw: { Data: Buffer.from('Subject: Raw\r\n\r\nbody').toString('base64') } };
    expect((await post(endpoint, { ...envelope, Content: raw })).status).toBe(200);
    const [first, second] = await inbox();
    expect(first).toMatchObject({ subject: 'Two', html: '<b>x</b>', text: '' });
    expect(first!.raw).toContain('X-Kind: k');
    expect(second).toMatchObject({ subject: 'Raw', text: 'body', from: 'noreply@example.com' });
    const refused = await post(endpoint, { ...envelope, Content: simple, FromEmailAddress: 'x@example.net' });
    expect([refused.status, refused.headers.get('x-amzn-errortype')]).toEqual([400, 'MessageRejected']);
    const bad = await post(endpoint, { ...envelope, Content: simple, Destination: { ToAddresses: ['nobody'] } });
    expect([bad.status, bad.headers.get('x-amzn-errortype')]).toEqual([400, 'BadRequestException']);
    expect(await (await fetch(`${endpoint}/v2/email/account`)).json()).toMatchObject({ SendQuota: { SentLast24Hours: 2 } });
    expect((await fetch(`${endpoint}/v2/email/templates`)).status).toBe(404);
  });
});

describe('the inbox', () => {
  it('is kept over a kill, filtered by date, and emptied', async () => {
    const first = await world();
    await first.client.send(mail());
    await first.context.listeners.close();
    // The first process is not closed: a kill leaves what is on disk.
    const second = await world(first.context.data);
    expect(await second.inbox()).toHaveLength(1);
    await second.context.clock.advance(3_600_000);
    await second.client.send(mail({}, { Subject: { Data: 'later' } }));
    const since = new Date(second.context.clock.now() - 60_000).toISOString();
    expect((await second.inbox(`?since=${since}`)).map(({ subject }) => subject)).toEqual(['later']);
    expect((await fetch(`${second.service.mailOrigin}/inbox?since=x`)).status).toBe(400);
    expect((await fetch(`${second.service.mailOrigin}/inbox`, { method: 'DELETE' })).status).toBe(204);
    expect(await second.inbox()).toEqual([]);
    expect((await fetch(`${second.service.mailOrigin}/other`)).status).toBe(404);
    expect((await fetch(`${second.service.mailOrigin}/inbox`, { method: 'POST' })).status).toBe(405);
  });

  it('shows hostile mail as text, with web links only', async () => {
    const { client, service } = await world();
    const html =
      '<script>alert(1)</script><p onclick=x>Hi</p><a href="javascript:alert(1)">no</a> <a href="https://ok.test/?a=1&amp;b=%22">yes</a>';
    await client.send(mail({}, { Subject: { Data: '<img src=x onerror=alert(1)>' }, Body: { Html: { Data: html } } }));
    await client.send(mail({}, { Body: { Text: { Data: 'see https://ok.test/x"onmouseover=1. <b>' } } }));
    const page = await fetch(`${service.mailOrigin}/`);
    const text = await page.text();
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(text).not.toMatch(/<script|<img|<p |onclick=x>|<b>/);
    expect([...text.matchAll(/<a href="([^"]*)"/g)].map(([, href]) => href)).toEqual([
      '/inbox',
      'https://ok.test/x',
      'https://ok.test/?a=1&#38;b=%22',
    ]);
  });
});

describe('events and permissions', () => {
  it('bounce for addresses of the mailbox simulator, on the bus of the configuration set', async () => {
    const made = await world();
    const busArn = 'arn:aws:events:eu-central-1:000000000000:event-bus/default';
    await declare(made, 'AWS::SES::ConfigurationSet', { Name: 'set' });
    await declare(made, 'AWS::SES::ConfigurationSetEventDestination', {
      ConfigurationSetName: 'set',
      EventDestination: {
        Name: 'd',
        Enabled: true,
        MatchingEventTypes: ['bounce', 'complaint'],
        EventBridgeDestination: { EventBusArn: busArn },
      },
    });
    const to = ['bounce+label@simulator.amazonses.com', 'a@example.org'];
    await made.client.send(mail({ Destination: { ToAddresses: to }, ConfigurationSetName: 'set', Tags: [{ Name: 'k', Value: 'v' }] }));
    await made.client.send(mail({ Destination: { ToAddresses: ['success@simulator.amazonses.com'] }, ConfigurationSetName: 'set' }));
    expect(made.context.emitted).toHaveLength(1);
    expect(made.context.emitted[0]).toMatchObject({
      bus: busArn,
      source: 'aws.ses',
      detailType: 'Email Bounced',
      detail: {
        eventType: 'Bounce',
        bounce: { bounceType: 'Permanent', bouncedRecipients: [{ emailAddress: to[0] }] },
        mail: { destination: to, tags: { k: ['v'] } },
      },
    });
    await expect(
      declare(made, 'AWS::SES::ConfigurationSetEventDestination', {
        ConfigurationSetName: 'set',
        EventDestination: { SnsDestination: {} },
      }),
    ).rejects.toThrow('SnsDestination');
  });

  it('name the identity and the configuration set that IAM must allow', async () => {
    const { service } = await world();
    const form = new URLSearchParams({
      Action: 'SendEmail',
      Source: 'Name <noreply@mail.example.com>',
      'Destination.ToAddresses.member.1': 'a@example.org',
      ConfigurationSetName: 'set',
    });
    const context = { 'ses:FromAddress': 'noreply@mail.example.com', 'ses:Recipients': ['a@example.org'], 'ses:FromDisplayName': 'Name' };
    expect(await service.checks(requestOf('POST', '/', Buffer.from(form.toString())))).toEqual([
      { action: 'ses:SendEmail', resource: 'arn:aws:ses:eu-central-1:000000000000:identity/example.com', context },
      { action: 'ses:SendEmail', resource: 'arn:aws:ses:eu-central-1:000000000000:configuration-set/set', context },
    ]);
  });
});
