/** Accepts structured and raw sends: checks, builds or reads the message, keeps it, publishes what becomes of it. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { CloudContext } from '../service.ts';
import { parseAddress, refuseControls, splitAddresses } from './address.ts';
import { publishFeedback } from './feedback.ts';
import type { Identities } from './identities.ts';
import type { Mailbox } from './mailbox.ts';
import { readMime } from './mime-read.ts';
import { writeMime } from './mime-write.ts';
import { SesError } from './ses-error.ts';

export interface SendOptions {
  configurationSet?: string;
  tags?: Record<string, string[]>;
}

export interface StructuredSend extends SendOptions {
  source: string;
  to: string[];
  cc: string[];
  bcc: string[];
  replyTo: string[];
  subject: string;
  text?: string;
  html?: string;
  headers?: { name: string; value: string }[];
}

export interface RawSend extends SendOptions {
  data: Buffer;
  /** Overrides the From header. */
  source?: string;
  /** Overrides the To, Cc and Bcc headers. */
  destinations?: string[];
}

/** Quota of the production of SES, per message. */
const MOST_RECIPIENTS = 50;
const MOST_BYTES = 10 * 1024 * 1024;

export class Sender {
  readonly #context: CloudContext;
  readonly #identities: Identities;
  readonly #mailbox: Mailbox;

  constructor(context: CloudContext, identities: Identities, mailbox: Mailbox) {
    this.#context = context;
    this.#identities = identities;
    this.#mailbox = mailbox;
  }

  /** Answers the message id. */
  async send(send: StructuredSend): Promise<string> {
    const from = parseAddress(send.source);
    const [to, cc, bcc, replyTo] = [send.to, send.cc, send.bcc, send.replyTo].map((list) => list.map(parseAddress));
    refuseControls(send.subject, 'the subject');
    for (const { name, value } of send.headers ?? []) {
      if (!/^[!-9;-~]+$/.test(name)) throw new SesError('InvalidParameterValue', 'Invalid header name');
      refuseControls(value, `header ${name}`);
    }
    if (send.text === undefined && send.html === undefined)
      throw new SesError('InvalidParameterValue', 'The message body has no text and no HTML part');
    const recipients = { to: to!.map(addressOf), cc: cc!.map(addressOf), bcc: bcc!.map(addressOf) };
    const messageId = this.#newId();
    const raw = writeMime({
      from,
      to: to!,
      cc: cc!,
      replyTo: replyTo!,
      subject: send.subject,
      messageId,
      date: this.#context.clock.date(),
      ...(send.text === undefined ? {} : { text: send.text }),
      ...(send.html === undefined ? {} : { html: send.html }),
      ...(send.headers ? { headers: send.headers } : {}),
    });
    return this.#accept({ messageId, from: send.source, recipients, subject: send.subject, text: send.text, html: send.html, raw }, send);
  }

  /** Answers the message id. */
  async sendRaw(send: RawSend): Promise<string> {
    const message = readMime(send.data);
    const header = (name: string) => message.headers.get(name)?.flatMap(splitAddresses) ?? [];
    const from = send.source ?? header('from')[0];
    if (from === undefined) throw new SesError('InvalidParameterValue', "Missing required header 'From'.");
    const written = { to: header('to'), cc: header('cc'), bcc: header('bcc') };
    const lists = send.destinations && send.destinations.length > 0 ? { to: send.destinations, cc: [], bcc: [] } : written;
    const recipients = {
      to: lists.to.map((text) => parseAddress(text).address),
      cc: lists.cc.map((text) => parseAddress(text).address),
      bcc: lists.bcc.map((text) => parseAddress(text).address),
    };
    // SES removes Bcc before it delivers.
    const raw = send.data.toString('utf8').replace(/^bcc:.*\r?\n(?:[ \t].*\r?\n)*/im, '');
    const subject = message.headers.get('subject')?.[0] ?? '';
    return this.#accept({ messageId: this.#newId(), from, recipients, subject, text: message.text, html: message.html, raw }, send);
  }

  async #accept(message: Message, options: SendOptions): Promise<string> {
    const { messageId, from, recipients, subject, text, html, raw } = message;
    const to = [...recipients.to, ...recipients.cc, ...recipients.bcc];
    if (to.length === 0) throw new SesError('InvalidParameterValue', 'The message has no recipients');
    if (to.length > MOST_RECIPIENTS) throw new SesError('MessageRejected', `Recipient count exceeds ${MOST_RECIPIENTS}.`);
    if (Buffer.byteLength(raw) > MOST_BYTES)
      throw new SesError('InvalidParameterValue', `Message length is more than ${MOST_BYTES} bytes long.`);
    const identity = this.#identities.assertCovered(parseAddress(from));
    const name = options.configurationSet ?? this.#identities.defaultSet(identity);
    const set = name === undefined ? undefined : this.#identities.configurationSets.get(name);
    if (name !== undefined && !set) throw new SesError('ConfigurationSetDoesNotExist', `Configuration set <${name}> does not exist.`);
    if (set && !set.sendingEnabled)
      throw new SesError('ConfigurationSetSendingPausedException', `Sending is paused for configuration set <${name}>.`);
    const at = this.#context.clock.date().toISOString();
    const mail = { messageId, to, from, subject, text: text ?? '', html: html ?? '', raw, at, cc: recipients.cc, bcc: recipients.bcc };
    this.#mailbox.add(mail);
    if (set) await publishFeedback(this.#context, set, { mail, sourceArn: this.#identities.arn(identity), tags: options.tags ?? {} });
    return messageId;
  }

  /** In the shape of SES: `0107…-uuid-000000`. */
  #newId(): string {
    return `0107${randomBytes(6).toString('hex')}-${randomUUID()}-000000`;
  }
}

interface Message {
  messageId: string;
  from: string;
  recipients: { to: string[]; cc: string[]; bcc: string[] };
  subject: string;
  text: string | undefined;
  html: string | undefined;
  raw: string;
}

function addressOf({ address }: { address: string }): string {
  return address;
}
