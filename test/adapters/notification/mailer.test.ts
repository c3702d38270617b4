import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { SESClient, SendEmailCommand, type SendEmailCommandInput } from '@aws-sdk/client-ses';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { publishEvent } from '../../../adapters/notification/bus.ts';
import { mailer } from '../../../adapters/notification/mailer.ts';
import type { Message } from '../../../core/notification/message.ts';

const ses = mockClient(SESClient);
const bus = mockClient(EventBridgeClient);
beforeEach(() => {
  ses.reset();
  bus.reset();
  vi.stubEnv('MAIL_CONFIGURATION_SET', 'greenlight');
  vi.stubEnv('EVENT_BUS', 'bus');
});
afterAll(() => {
  ses.restore();
  bus.restore();
  vi.unstubAllEnvs();
});

const message: Message = { severity: 'info', subject: '[PR-1] Your approval is asked', paragraphs: ['One\nline', 'Why: because'] };

async function mailOf(more: { to?: string; message?: Partial<Message>; link?: { label: string; url: string } } = {}) {
  ses.on(SendEmailCommand).resolves({});
  const { to = 'lead@example.com', link } = more;
  await mailer(new SESClient({})).send({
    to,
    from: 'greenlight@example.com',
    message: { ...message, ...more.message },
    ...(link ? { link } : {}),
  });
  return ses.calls()[0]!.args[0].input as SendEmailCommandInput;
}

describe('a mail', () => {
  it('goes to one person, in text and HTML, with the link in both', async () => {
    const link = { label: 'Review and decide', url: 'https://x.example.com/v1/approvals/link?t=a.b&c=d' };
    const mail = await mailOf({ link });
    expect(mail.Destination).toEqual({ ToAddresses: ['lead@example.com'] });
    expect(mail.ConfigurationSetName).toBe('greenlight');
    expect(mail.Message!.Body!.Text!.Data).toBe(`One\nline\n\nWhy: because\n\nReview and decide:\n${link.url}\n`);
    expect(mail.Message!.Body!.Html!.Data).toContain('href="https://x.example.com/v1/approvals/link?t=a.b&amp;c=d"');
  });

  it('says its facts in a table, and loads nothing from anywhere', async () => {
    const facts = 'payment-api 1.1.0: staging → prod\nDigest: sha256:abc\nImpact: low';
    const mail = await mailOf({
      message: { severity: 'critical', paragraphs: [facts, 'Why: because'] },
      link: { label: 'Open', url: 'https://x.example.com/' },
    });
    const page = mail.Message!.Body!.Html!.Data!;
    expect(page).toMatch(/<th[^>]*>Digest<\/th><td[^>]*>sha256:abc<\/td>/);
    expect(page).toContain('#cf222e');
    expect(page).not.toMatch(/<img|<script|<link|src=|url\(|@import/i);
    expect([...page.matchAll(/https?:\/\/[^"<\s]+/g)].every(([address]) => address.startsWith('https://x.example.com/'))).toBe(true);
    expect(mail.Message!.Body!.Text!.Data).toContain(facts);
  });

  it('LINK-19: keeps foreign text out of its headers and its markup', async () => {
    const attack = '\r\nBcc: all@example.com\r\n\r\n<script>alert(1)</script>"';
    const mail = await mailOf({
      to: 'lead@example.com\r\nBcc: all@example.com',
      message: { subject: `x${attack}`, paragraphs: [`Why: ${attack}`] },
      link: { label: '<b>', url: 'https://x/"onmouseover="alert(1)' },
    });
    expect(mail.Message!.Subject!.Data).not.toMatch(/[\r\n]/);
    expect(mail.Destination!.ToAddresses).toHaveLength(1);
    expect(mail.Destination!.ToAddresses![0]).not.toMatch(/[\r\n]/);
    const page = mail.Message!.Body!.Html!.Data!;
    expect(page).not.toMatch(/<script|"onmouseover|<b>/);
    expect(page).toContain('&lt;script&gt;');
  });

  it('that SES refuses is an error', async () => {
    ses.on(SendEmailCommand).rejects(Object.assign(new Error('not verified'), { name: 'MessageRejected' }));
    await expect(mailer(new SESClient({})).send({ to: 'a@b', from: 'c@d', message })).rejects.toThrow('not verified');
  });
});

describe('an event on the bus', () => {
  const event = {
    id: 'PR-1-row',
    type: 'approval.closed',
    severity: 'info',
    subject: 'PR-1',
    time: new Date('2026-11-20T12:00:00Z'),
    data: { outcome: 'approved' },
  } as const;

  it('is a CloudEvent with a stable id', async () => {
    bus.on(PutEventsCommand).resolves({ FailedEntryCount: 0 });
    await publishEvent(event, 'https://x.example.com');
    const [entry] = (bus.calls()[0]!.args[0].input as { Entries: Record<string, unknown>[] }).Entries;
    expect(entry).toMatchObject({ EventBusName: 'bus', Source: 'greenlight', DetailType: 'approval.closed', Time: event.time });
    expect(JSON.parse(entry!['Detail'] as string)).toEqual({
      specversion: '1.0',
      id: 'PR-1-row',
      source: 'https://x.example.com/v1',
      type: 'dev.greenlight.approval.closed',
      subject: 'PR-1',
      time: '2026-11-20T12:00:00.000Z',
      datacontenttype: 'application/json',
      data: { outcome: 'approved', severity: 'info', aliases: ['request-approved', 'promotion-approved'] },
    });
  });

  it('that the bus takes no note of is an error, although the call succeeds', async () => {
    bus.on(PutEventsCommand).resolves({ FailedEntryCount: 1, Entries: [{ ErrorCode: 'ThrottlingException' }] });
    await expect(publishEvent(event, 'https://x')).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('Throttling'),
    });
  });
});
