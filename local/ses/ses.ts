/**
 * SES: sends through v1 (Query) and v2 (REST), into an inbox on a loopback port of its own instead of the internet. Senders need a verified identity (declared
 * in a stack, or by VerifyEmailIdentity); recipients are free, as outside of the sandbox. Mails to the mailbox simulator bounce or complain as events.
 * Not supported, and refused by name: templates, bulk sends, receipt rules, suppression lists, destinations other than EventBridge; DKIM is not signed.
 */
import type { CloudContext, IamCheck, LocalService, ServiceError, ServiceRequest, ServiceResponse } from '../service.ts';
import { type Address, parseAddress, splitAddresses } from './address.ts';
import { Identities } from './identities.ts';
import { mailListener } from './mail-listener.ts';
import { Mailbox } from './mailbox.ts';
import { readMime } from './mime-read.ts';
import { formOf, handleQuery, list, type QueryBackend, queryError } from './query-protocol.ts';
import { handleRest, identityOf, restError, restOperation, sendBodyOf } from './rest-protocol.ts';
import { Sender } from './sender.ts';
import { SesError } from './ses-error.ts';
import { sesResources } from './ses-resources.ts';

export interface Ses extends LocalService {
  /** `http://127.0.0.1:PORT` of the inbox: `/` for people, `/inbox` as JSON. */
  mailOrigin: string;
}

/** Makes SES and opens the inbox's listener `mail`. */
export async function createSes(context: CloudContext): Promise<Ses> {
  const identities = new Identities(context);
  const mailbox = new Mailbox(context.folder);
  const backend: QueryBackend = { identities, mailbox, sender: new Sender(context, identities, mailbox), now: () => context.clock.now() };
  const { origin } = await context.listeners.listen('mail', mailListener(mailbox), { now: () => context.clock.date() });

  return {
    name: 'ses',
    scopes: ['ses', 'email'],
    mailOrigin: origin,
    resources: sesResources(identities),
    operation: (request) => (isRest(request) ? restOperation(request) : (formOf(request).get('Action') ?? 'Unknown')),
    checks: (request) => checksOf(identities, request),
    async handle(request) {
      try {
        return await (isRest(request) ? handleRest(backend, request) : handleQuery(backend, request));
      } catch (error) {
        if (!(error instanceof SesError)) throw error;
        context.log('ses: refused', { code: error.code, message: error.message });
        return spell(request, error);
      }
    },
    errorResponse: spell,
    async close() {
      mailbox.close();
    },
  };
}

function isRest({ url }: ServiceRequest): boolean {
  return url.pathname.startsWith('/v2/');
}

function spell(request: ServiceRequest, error: ServiceError): ServiceResponse {
  return isRest(request) ? restError(error) : queryError(request, error);
}

interface Envelope {
  action: 'SendEmail' | 'SendRawEmail';
  source: string | undefined;
  recipients: string[];
  configurationSet: string | undefined;
}

/** A send needs its identity and, if it names one, its configuration set; what cannot be read is left to `handle` to refuse. */
function checksOf(identities: Identities, request: ServiceRequest): IamCheck[] {
  const operation = isRest(request) ? restOperation(request) : (formOf(request).get('Action') ?? 'Unknown');
  if (operation === 'GetEmailIdentity') return [{ action: 'ses:GetEmailIdentity', resource: identities.arn(identityOf(request)) }];
  if (operation !== 'SendEmail' && operation !== 'SendRawEmail') return [{ action: `ses:${operation}`, resource: '*' }];
  let envelope: Envelope;
  let sender: Address;
  try {
    envelope = isRest(request) ? restEnvelope(request) : queryEnvelope(request, operation);
    sender = parseAddress(envelope.source ?? '');
  } catch {
    return [{ action: `ses:${operation}`, resource: identities.arn('unreadable') }];
  }
  const { action, recipients, configurationSet } = envelope;
  const condition = {
    'ses:FromAddress': sender.address,
    'ses:Recipients': recipients,
    ...(sender.name ? { 'ses:FromDisplayName': sender.name } : {}),
  };
  return [
    { action, resource: identities.arn(identities.covering(sender) ?? sender.address) },
    ...(configurationSet ? [{ action, resource: identities.setArn(configurationSet) }] : []),
  ].map((check) => ({ action: `ses:${check.action}`, resource: check.resource, context: condition }));
}

function queryEnvelope(request: ServiceRequest, action: 'SendEmail' | 'SendRawEmail'): Envelope {
  const form = formOf(request);
  const configurationSet = form.get('ConfigurationSetName') ?? undefined;
  if (action === 'SendEmail') {
    const recipients = ['To', 'Cc', 'Bcc'].flatMap((kind) => list(form, `Destination.${kind}Addresses`));
    return { action, source: form.get('Source') ?? undefined, recipients, configurationSet };
  }
  const data = Buffer.from(form.get('RawMessage.Data') ?? '', 'base64');
  return rawEnvelope(data, form.get('Source') ?? undefined, list(form, 'Destinations'), configurationSet);
}

function restEnvelope(request: ServiceRequest): Envelope {
  const body = sendBodyOf(request);
  const { ToAddresses = [], CcAddresses = [], BccAddresses = [] } = body.Destination ?? {};
  const recipients = [...ToAddresses, ...CcAddresses, ...BccAddresses];
  const configurationSet = body.ConfigurationSetName;
  const raw = body.Content?.Raw?.Data;
  if (raw !== undefined) return rawEnvelope(Buffer.from(raw, 'base64'), body.FromEmailAddress, recipients, configurationSet);
  return { action: 'SendEmail', source: body.FromEmailAddress, recipients, configurationSet };
}

function rawEnvelope(data: Buffer, source: string | undefined, destinations: string[], configurationSet: string | undefined): Envelope {
  const { headers } = readMime(data);
  const written = ['to', 'cc', 'bcc'].flatMap((name) => headers.get(name)?.flatMap(splitAddresses) ?? []);
  return {
    action: 'SendRawEmail',
    source: source ?? headers.get('from')?.[0],
    recipients: destinations.length > 0 ? destinations : written,
    configurationSet,
  };
}
