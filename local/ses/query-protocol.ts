/** SES version 1: form bodies, XML answers. Lists arrive as `Name.member.1`. */
import type { ServiceError, ServiceRequest, ServiceResponse } from '../service.ts';
import type { Identities } from './identities.ts';
import type { Mailbox } from './mailbox.ts';
import type { Sender } from './sender.ts';
import { SesError } from './ses-error.ts';

/** Answers of the sandbox-free account: 50,000 mails a day, 14 a second. */
export const QUOTA = { daily: 50_000, perSecond: 14 };
const DAY_MS = 86_400_000;
const NAMESPACE = 'http://ses.amazonaws.com/doc/2010-12-01/';

export interface QueryBackend {
  sender: Sender;
  identities: Identities;
  mailbox: Mailbox;
  /** Virtual ms since the epoch. */
  now(): number;
}

/** Parameters of a v1 request: its form body, else its query. */
export function formOf(request: ServiceRequest): URLSearchParams {
  const body = new URLSearchParams(request.body.toString('utf8'));
  return body.has('Action') ? body : request.url.searchParams;
}

/** Runs one v1 request; throws SesError. */
export async function handleQuery(backend: QueryBackend, request: ServiceRequest): Promise<ServiceResponse> {
  const form = formOf(request);
  const action = form.get('Action') ?? '';
  const operation = Object.hasOwn(OPERATIONS, action) ? OPERATIONS[action]! : undefined;
  if (!operation) throw new SesError('InvalidAction', `The action ${action} is not valid for this web service.`);
  const result = await operation(form, backend);
  const inner = result === '' ? `<${action}Result/>` : `<${action}Result>${result}</${action}Result>`;
  return xml(
    200,
    `<${action}Response xmlns="${NAMESPACE}">${inner}<ResponseMetadata><RequestId>${request.requestId}</RequestId></ResponseMetadata></${action}Response>`,
  );
}

/** An error as v1 spells it. */
export function queryError(request: ServiceRequest, { status, code, message }: ServiceError): ServiceResponse {
  const type = status >= 500 ? 'Receiver' : 'Sender';
  const error = `<Error><Type>${type}</Type><Code>${escapeText(code)}</Code><Message>${escapeText(message)}</Message></Error>`;
  return xml(status, `<ErrorResponse xmlns="${NAMESPACE}">${error}<RequestId>${request.requestId}</RequestId></ErrorResponse>`);
}

type Operation = (form: URLSearchParams, backend: QueryBackend) => string | Promise<string>;

const OPERATIONS: Record<string, Operation> = {
  SendEmail: async (form, { sender }) => {
    const [text, html] = ['Text', 'Html'].map((kind) => form.get(`Message.Body.${kind}.Data`) ?? undefined);
    const messageId = await sender.send({
      source: required(form, 'Source'),
      to: list(form, 'Destination.ToAddresses'),
      cc: list(form, 'Destination.CcAddresses'),
      bcc: list(form, 'Destination.BccAddresses'),
      replyTo: list(form, 'ReplyToAddresses'),
      subject: form.get('Message.Subject.Data') ?? '',
      ...(text === undefined ? {} : { text }),
      ...(html === undefined ? {} : { html }),
      ...options(form),
    });
    return element('MessageId', messageId);
  },
  SendRawEmail: async (form, { sender }) => {
    const source = form.get('Source') ?? undefined;
    const messageId = await sender.sendRaw({
      data: Buffer.from(required(form, 'RawMessage.Data'), 'base64'),
      destinations: list(form, 'Destinations'),
      ...(source === undefined ? {} : { source }),
      ...options(form),
    });
    return element('MessageId', messageId);
  },
  GetSendQuota: (_, { mailbox, now }) => {
    const sent = mailbox.list(new Date(now() - DAY_MS).toISOString()).length;
    return element('Max24HourSend', QUOTA.daily) + element('MaxSendRate', QUOTA.perSecond) + element('SentLast24Hours', sent);
  },
  /** One data point for each quarter of an hour with mail; rejects and complaints are not counted. */
  GetSendStatistics: (_, { mailbox }) => {
    const quarters = new Map<number, number>();
    for (const { at } of mailbox.list()) {
      const quarter = Math.floor(Date.parse(at) / 900_000) * 900_000;
      quarters.set(quarter, (quarters.get(quarter) ?? 0) + 1);
    }
    const points = [...quarters].map(([start, count]) => {
      const counts = element('DeliveryAttempts', count) + element('Bounces', 0) + element('Complaints', 0) + element('Rejects', 0);
      return `<member>${element('Timestamp', new Date(start).toISOString())}${counts}</member>`;
    });
    return `<SendDataPoints>${points.join('')}</SendDataPoints>`;
  },
  VerifyEmailIdentity: (form, { identities }) => {
    identities.verify(required(form, 'EmailAddress'));
    return '';
  },
  ListIdentities: (form, { identities }) => {
    const type = form.get('IdentityType');
    const found = identities.list().filter((name) => !type || (type === 'EmailAddress') === name.includes('@'));
    return `<Identities>${found.map((name) => element('member', name)).join('')}</Identities>`;
  },
  GetIdentityVerificationAttributes: (form, { identities }) => {
    const entries = list(form, 'Identities')
      .filter((name) => identities.has(name))
      .map((name) => `<entry>${element('key', name)}<value>${element('VerificationStatus', 'Success')}</value></entry>`);
    return `<VerificationAttributes>${entries.join('')}</VerificationAttributes>`;
  },
};

function options(form: URLSearchParams): { configurationSet?: string; tags: Record<string, string[]> } {
  const configurationSet = form.get('ConfigurationSetName') ?? undefined;
  const tags: Record<string, string[]> = {};
  for (let index = 1; form.has(`Tags.member.${index}.Name`); index++) {
    tags[form.get(`Tags.member.${index}.Name`)!] = [form.get(`Tags.member.${index}.Value`) ?? ''];
  }
  return { ...(configurationSet === undefined ? {} : { configurationSet }), tags };
}

/** All values of a list parameter. */
export function list(form: URLSearchParams, name: string): string[] {
  const values: string[] = [];
  for (let index = 1; form.has(`${name}.member.${index}`); index++) values.push(form.get(`${name}.member.${index}`)!);
  return values;
}

function required(form: URLSearchParams, name: string): string {
  const value = form.get(name);
  if (!value)
    throw new SesError(
      'ValidationError',
      `1 validation error detected: Value null at '${name}' failed to satisfy constraint: Member must not be null`,
    );
  return value;
}

function element(name: string, value: string | number): string {
  return `<${name}>${escapeText(String(value))}</${name}>`;
}

function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function xml(status: number, body: string): ServiceResponse {
  return { status, headers: { 'content-type': 'text/xml' }, body };
}
