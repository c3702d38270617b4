/** What becomes of a mail: addresses of the mailbox simulator bounce or complain as in AWS, all others are delivered. Events in the format of SES event publishing. */
import { randomUUID } from 'node:crypto';
import type { CloudContext } from '../service.ts';
import type { ConfigurationSet, MailEventType } from './identities.ts';
import type { Mail } from './mailbox.ts';

export interface SentMail {
  mail: Mail;
  sourceArn: string;
  tags: Record<string, string[]>;
}

const SIMULATOR = 'simulator.amazonses.com';
const DETAIL_TYPES: Record<MailEventType, string> = {
  SEND: 'Email Sent',
  DELIVERY: 'Email Delivered',
  BOUNCE: 'Email Bounced',
  COMPLAINT: 'Email Complaint Received',
  REJECT: 'Email Rejected',
};
const EVENT_TYPES: Record<MailEventType, string> = {
  SEND: 'Send',
  DELIVERY: 'Delivery',
  BOUNCE: 'Bounce',
  COMPLAINT: 'Complaint',
  REJECT: 'Reject',
};

/** Puts the events of one mail on the buses of its configuration set. Resolves once they are accepted there. */
export async function publishFeedback(context: CloudContext, set: ConfigurationSet, sent: SentMail): Promise<void> {
  for (const { type, detail } of outcomes(sent.mail)) {
    for (const destination of Object.values(set.destinations)) {
      if (!destination.enabled || !destination.types.includes(type)) continue;
      await context.emit({
        bus: destination.busArn,
        source: 'aws.ses',
        detailType: DETAIL_TYPES[type],
        resources: [sent.sourceArn],
        detail: { eventType: EVENT_TYPES[type], mail: describe(context, sent), ...detail },
      });
    }
  }
}

function outcomes(mail: Mail): { type: MailEventType; detail: object }[] {
  const bounced = mail.to.filter((address) => isSimulator(address, 'bounce') || isSimulator(address, 'suppressionlist'));
  const complained = mail.to.filter((address) => isSimulator(address, 'complaint'));
  const delivered = mail.to.filter((address) => !bounced.includes(address));
  const common = { timestamp: mail.at, feedbackId: randomUUID() };
  const all: { type: MailEventType; detail: object }[] = [{ type: 'SEND', detail: { send: {} } }];
  if (delivered.length > 0) {
    const delivery = { timestamp: mail.at, processingTimeMillis: 0, recipients: delivered, smtpResponse: '250 OK', reportingMTA: 'local' };
    all.push({ type: 'DELIVERY', detail: { delivery } });
  }
  if (bounced.length > 0) {
    const suppressed = bounced.every((address) => isSimulator(address, 'suppressionlist'));
    const bouncedRecipients = bounced.map((emailAddress) => ({
      emailAddress,
      action: 'failed',
      status: '5.1.1',
      diagnosticCode: 'smtp; 550 5.1.1 user unknown',
    }));
    const bounceSubType = suppressed ? 'Suppressed' : 'General';
    all.push({
      type: 'BOUNCE',
      detail: { bounce: { ...common, bounceType: 'Permanent', bounceSubType, bouncedRecipients, reportingMTA: 'dns; local' } },
    });
  }
  if (complained.length > 0) {
    const complainedRecipients = complained.map((emailAddress) => ({ emailAddress }));
    all.push({
      type: 'COMPLAINT',
      detail: { complaint: { ...common, complainedRecipients, complaintFeedbackType: 'abuse', arrivalDate: mail.at } },
    });
  }
  return all;
}

/** `bounce@…` and `bounce+label@…`. */
function isSimulator(address: string, kind: string): boolean {
  const [local, domain] = address.toLowerCase().split('@');
  return domain === SIMULATOR && local!.split('+')[0] === kind;
}

function describe(context: CloudContext, { mail, sourceArn, tags }: SentMail): object {
  return {
    timestamp: mail.at,
    source: mail.from,
    sourceArn,
    sendingAccountId: context.account,
    messageId: mail.messageId,
    destination: mail.to,
    headersTruncated: true,
    headers: [],
    commonHeaders: { from: [mail.from], to: mail.to, messageId: mail.messageId, subject: mail.subject },
    tags,
  };
}
