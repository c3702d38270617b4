/** SES version 2: REST and JSON. SendEmail (simple and raw), GetAccount, ListEmailIdentities, GetEmailIdentity. */
import type { ServiceError, ServiceRequest, ServiceResponse } from '../service.ts';
import { QUOTA, type QueryBackend } from './query-protocol.ts';
import { SesError } from './ses-error.ts';

interface SendBody {
  FromEmailAddress?: string;
  Destination?: { ToAddresses?: string[]; CcAddresses?: string[]; BccAddresses?: string[] };
  ReplyToAddresses?: string[];
  Content?: {
    Simple?: {
      Subject?: { Data?: string };
      Body?: { Text?: { Data?: string }; Html?: { Data?: string } };
      Headers?: { Name: string; Value: string }[];
    };
    Raw?: { Data?: string };
    Template?: unknown;
  };
  ConfigurationSetName?: string;
  EmailTags?: { Name: string; Value: string }[];
}

/** Operation name in AWS spelling. */
export function restOperation({ method, url }: ServiceRequest): string {
  const path = url.pathname.replace(/\/$/, '');
  if (method === 'POST' && path === '/v2/email/outbound-emails') return 'SendEmail';
  if (method === 'GET' && path === '/v2/email/account') return 'GetAccount';
  if (method === 'GET' && path === '/v2/email/identities') return 'ListEmailIdentities';
  if (method === 'GET' && /^\/v2\/email\/identities\/[^/]+$/.test(path)) return 'GetEmailIdentity';
  return 'Unknown';
}

/** Runs one v2 request; throws SesError. */
export async function handleRest(backend: QueryBackend, request: ServiceRequest): Promise<ServiceResponse> {
  const operation = restOperation(request);
  if (operation === 'SendEmail') return json({ MessageId: await send(backend, sendBodyOf(request)) });
  if (operation === 'GetAccount') {
    const since = new Date(backend.now() - 86_400_000).toISOString();
    const quota = { Max24HourSend: QUOTA.daily, MaxSendRate: QUOTA.perSecond, SentLast24Hours: backend.mailbox.list(since).length };
    return json({
      SendQuota: quota,
      SendingEnabled: true,
      ProductionAccessEnabled: true,
      EnforcementStatus: 'HEALTHY',
      DedicatedIpAutoWarmupEnabled: false,
    });
  }
  if (operation === 'ListEmailIdentities') return json({ EmailIdentities: backend.identities.list().map(summary) });
  if (operation === 'GetEmailIdentity') {
    const name = identityOf(request);
    if (!backend.identities.has(name)) throw new SesError('NotFoundException', `Email identity ${name} does not exist.`, 404);
    const { IdentityType } = summary(name);
    return json({ IdentityType, VerifiedForSendingStatus: true, VerificationStatus: 'SUCCESS', FeedbackForwardingStatus: true });
  }
  throw new SesError('NotFoundException', `The local cloud does not support ${request.method} ${request.url.pathname} of SES v2.`, 404);
}

/** Name at the end of `/v2/email/identities/{name}`. */
export function identityOf({ url }: ServiceRequest): string {
  try {
    return decodeURIComponent(url.pathname.split('/')[4] ?? '');
  } catch {
    return '';
  }
}

/** Body of a v2 SendEmail; throws BadRequestException when it is no JSON object. */
export function sendBodyOf(request: ServiceRequest): SendBody {
  try {
    const body: unknown = JSON.parse(request.body.toString('utf8'));
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as SendBody;
  } catch {
    // Answered below, like any other body that is no object.
  }
  throw new SesError('BadRequestException', 'The request body is not a JSON object');
}

/** v2 has its own names for the refusals of v1. */
export function restError({ status, code, message }: ServiceError): ServiceResponse {
  const renamed: Record<string, string> = {
    InvalidParameterValue: 'BadRequestException',
    ValidationError: 'BadRequestException',
    ConfigurationSetDoesNotExist: 'NotFoundException',
    ConfigurationSetSendingPausedException: 'SendingPausedException',
  };
  const name = renamed[code] ?? code;
  const answer = json({ message });
  return { ...answer, status: name === 'NotFoundException' ? 404 : status, headers: { ...answer.headers, 'x-amzn-errortype': name } };
}

async function send({ sender }: QueryBackend, body: SendBody): Promise<string> {
  const { Simple: simple, Raw: raw } = body.Content ?? {};
  const tags = Object.fromEntries((body.EmailTags ?? []).map(({ Name, Value }) => [Name, [Value]]));
  const options = { tags, ...(body.ConfigurationSetName ? { configurationSet: body.ConfigurationSetName } : {}) };
  const { ToAddresses: to = [], CcAddresses: cc = [], BccAddresses: bcc = [] } = body.Destination ?? {};
  if (raw) {
    const source = body.FromEmailAddress === undefined ? {} : { source: body.FromEmailAddress };
    return sender.sendRaw({ data: Buffer.from(raw.Data ?? '', 'base64'), destinations: [...to, ...cc, ...bcc], ...source, ...options });
  }
  if (!simple) throw new SesError('BadRequestException', 'The local cloud sends Content.Simple and Content.Raw only');
  const [text, html] = [simple.Body?.Text?.Data, simple.Body?.Html?.Data];
  return sender.send({
    source: body.FromEmailAddress ?? '',
    to,
    cc,
    bcc,
    replyTo: body.ReplyToAddresses ?? [],
    subject: simple.Subject?.Data ?? '',
    ...(text === undefined ? {} : { text }),
    ...(html === undefined ? {} : { html }),
    ...(simple.Headers ? { headers: simple.Headers.map(({ Name, Value }) => ({ name: Name, value: Value })) } : {}),
    ...options,
  });
}

function summary(name: string) {
  return {
    IdentityType: name.includes('@') ? 'EMAIL_ADDRESS' : 'DOMAIN',
    IdentityName: name,
    SendingEnabled: true,
    VerificationStatus: 'SUCCESS',
  };
}

function json(body: unknown): ServiceResponse {
  return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}
