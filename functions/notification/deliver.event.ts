/** Lambda `deliver`: turns notices into bus events, mail and Slack messages. One runs at a time; what fails is tried again every minute for a day. */
import { issueHandle } from '../../adapters/approval/link-keys.ts';
import { publishEvent } from '../../adapters/notification/bus.ts';
import { returnedMail } from '../../adapters/notification/mailer.ts';
import type { NoticeRow } from '../../adapters/notification/notice-rows.ts';
import { SYSTEM_PREFIX } from '../../adapters/notification/system-alerts.ts';
import { requiredVariable } from '../../adapters/state/table.ts';
import { askedApprovers } from '../../core/approval/asked-approvers.ts';
import type { Decision } from '../../core/approval/decision.ts';
import type { Approvers } from '../../core/approval/delegation.ts';
import { approvalProgress, openRules } from '../../core/approval/progress.ts';
import { standingDecisions } from '../../core/approval/standing.ts';
import { eventId } from '../../core/audit/line.ts';
import type { Configuration } from '../../core/environment/configuration.ts';
import { Fault } from '../../core/errors.ts';
import { audienceOf, type Recipient, servicesToAsk } from '../../core/notification/audience.ts';
import type { OutgoingEvent } from '../../core/notification/cloud-event.ts';
import { type Message, messageOf, newsOf, type Severity, usualSeverity } from '../../core/notification/message.ts';
import { approvalMessage, type Mentions, noticeMessage, type SlackMessage } from '../../core/notification/slack-message.ts';
import type { NoticeType } from '../../core/promotion/change.ts';
import type { Plan } from '../../core/promotion/plan.ts';
import type { HistoryEntry, Promotion, PromotionTexts } from '../../core/promotion/promotion.ts';
import { log } from '../kit/log.ts';
import { approversNow, clock, configuration, promotions } from '../kit/state.ts';
import { approvalLink, takeBackLink } from './issue-link.ts';
import { mail, NoticeDelivery, notices, type RunFacts, runFacts, unreachable } from './notice-delivery.ts';

/** A notice older than this helps nobody any more. */
const GIVE_UP_MS = 24 * 3_600_000;
/** Steps and single gates are for the bus; Slack and mail tell what a person acts on. */
const QUIET: ReadonlySet<NoticeType> = new Set(['gate.finished', 'rollout.step']);
/** News of something that a person did: their name belongs into it. */
const PERSONAL: ReadonlySet<NoticeType> = new Set(['approval.decided', 'security.alert']);

/** The function ends after 120 s; one notice with all its channels takes well below 20. */
const LIMIT_MS = 100_000;

/** Called by the stream, by the clock, and by SES when a mail did not arrive. Throws when something could not go out: the alarm counts that. */
export async function handler(event?: unknown): Promise<{ delivered: number }> {
  const end = performance.now() + LIMIT_MS;
  await noteReturnedMail(event);
  const run = await runFacts(await configuration());
  let delivered = 0;
  let failed = 0;
  for await (const notice of notices.pending()) {
    // The rest waits for the next run: one that is cut off between a mail and its mark sends that mail twice.
    if (performance.now() >= end) {
      log.warn('notices are left for the next run', { delivered, failed });
      break;
    }
    const problems = await deliver(notice, run);
    if (problems.length === 0) {
      delivered++;
      await notices.markRepaired(notice);
    } else {
      failed++;
      log.error('notice not delivered', { requestId: notice.requestId, type: notice.type, problems });
      await notices.markFailed(notice, problems.join('; ').slice(0, 500));
    }
    if (problems.length === 0 || clock.now().getTime() - Date.parse(notice.at) > GIVE_UP_MS) await notices.done(notice);
  }
  if (failed > 0) throw new Fault('UNAVAILABLE', `${failed} notices could not be delivered; ${delivered} were`);
  return { delivered };
}

/** Who was to be asked or told was not: those who can do something about it are told instead, and `explain` says so. */
async function noteReturnedMail(event: unknown): Promise<void> {
  const returned = returnedMail(event);
  if (!returned) return;
  if (returned.isFinal) for (const address of returned.addresses) await unreachable.mark(address, returned.why, clock.now());
  const promotion = returned.requestId === undefined ? undefined : await promotions.head(returned.requestId);
  if (!promotion) return;
  const message = `mail to ${returned.addresses.join(', ')} did not arrive: ${returned.why}`;
  log.error('mail returned', { requestId: promotion.id, messageId: returned.messageId, why: returned.why });
  const { seq, attempt, planHash } = promotion;
  const { messageId } = returned;
  await notices.addReturned({ requestId: promotion.id, seq, attempt, planHash }, { messageId, message, at: clock.now().toISOString() });
}

/** Every channel on its own: one that fails keeps no other waiting. Answers what went wrong. */
async function deliver(notice: NoticeRow, run: RunFacts): Promise<string[]> {
  if (notice.requestId.startsWith(SYSTEM_PREFIX)) {
    const { deliverSystem } = await import('./deliver-system.ts');
    return deliverSystem(notice, run);
  }
  const promotion = await promotions.head(notice.requestId);
  if (!promotion) return [];
  const [plan, texts, decisions, approvers] = await Promise.all([
    promotions.plan(promotion.id, promotion.planHash),
    promotions.texts(promotion.id),
    promotions.decisions(promotion.id),
    approversNow(),
  ]);
  if (!plan || !texts) return [];
  const place = { environment: promotion.to, artifact: promotion.artifact, tenant: promotion.tenant };
  const delivery = new NoticeDelivery(notice, run, place, usualSeverity(notice.type));
  const { configuration: config, happening, named, problems } = delivery;
  const entry = PERSONAL.has(notice.type) ? (await promotions.history(promotion.id)).find(({ seq }) => seq === notice.seq) : undefined;
  const about = { data: notice.data, ...(entry ? { by: entry.by } : {}) };
  const told = { type: notice.type, promotion, changes: texts.changes ?? [], ...about };
  const message = { ...messageOf({ ...told, justification: texts.spec.request.justification }), severity: happening.severity };
  const event = eventOf(notice, promotion, happening.severity);
  await delivery.once('bus', () => publishEvent(event, requiredVariable('API_ORIGIN')));
  await delivery.webhooks(event);
  for (const service of servicesToAsk(notice.type, promotion, plan, standingDecisions(approvers, promotion, decisions))) {
    const approver = config.automatedApprovers[service];
    const settings = { origin: requiredVariable('API_ORIGIN'), now: clock.now() };
    if (!approver) continue;
    // Few plans have a service among their approvers.
    const { askService } = await import('../../adapters/approval/ask-service.ts');
    await delivery.once(`service:${service}`, () => askService(approver, promotion, settings));
  }
  if (QUIET.has(notice.type)) return problems;
  const facts = { type: notice.type, message, news: newsOf(told), promotion, plan, texts, decisions, approvers, ...named.slack };
  await delivery.slack(() => slackMessageOf(facts));
  const alsoTold = [...named.mail, ...(notice.to ?? []).map((email) => ({ email }))];
  const audience = audienceOf(notice.type, { approvers, promotion, plan, decisions }, about, alsoTold);
  await delivery.mail(audience, (recipient) => sendMail(notice, recipient, message, promotion, config));
  if (notice.type === 'approval.decided' && notice.data['channel'] === 'link' && entry) {
    await delivery.once(`receipt:${entry.by.email}`, () => sendReceipt(notice, entry, promotion, config));
  }
  if (isUnanswerable(notice, promotion, plan, approvers, decisions)) problems.push('mail: there is nobody left to ask');
  return problems;
}

/** People are needed, and there is none: neither to be asked by mail nor otherwise. A service may still answer for its own rule. */
function isUnanswerable(
  { type }: NoticeRow,
  promotion: Promotion,
  { approvals }: Plan,
  approvers: Approvers,
  decisions: readonly Decision[],
): boolean {
  if (promotion.phase !== 'pending_approval' || !(ASKING.has(type) || type === 'approval.decided')) return false;
  const standing = standingDecisions(approvers, promotion, decisions);
  const open = openRules(approvals, approvalProgress(approvals, standing, promotion.planHash));
  const needsPeople = open.some(({ rule }) => rule.automated === undefined);
  return needsPeople && askedApprovers(approvers, promotion, { approvals }, decisions).length === 0;
}

/** To the person in whose name a link has decided: whoever held the link, they learn of it, and how to take it back. */
async function sendReceipt(notice: NoticeRow, { by }: HistoryEntry, promotion: Promotion, config: Configuration): Promise<void> {
  const [plan, decisions] = await Promise.all([promotions.plan(promotion.id, notice.planHash), promotions.decisions(promotion.id)]);
  const decision = decisions.find(({ planHash, actor }) => planHash === notice.planHash && actor.key === by.key);
  if (!plan || !decision) return;
  const event = { id: eventId(promotion.id, notice.seq), seq: notice.seq };
  const decided = { approver: by.key, planHash: notice.planHash, decision: decision.decision };
  const link = { label: 'See what was recorded, or say that it was not you', url: await takeBackLink(decided, promotion) };
  const { receiptMessage } = await import('../../core/notification/receipt-message.ts');
  await mail.send({
    to: by.email,
    from: config.notifications.from,
    requestId: promotion.id,
    message: receiptMessage({ promotion, plan, decision, event }),
    link,
  });
}

/** Facts for machines. An address that took no mail is for the people who can do something about it. */
function eventOf(notice: NoticeRow, promotion: Promotion, severity: Severity): OutgoingEvent {
  const { id, artifact, releaseVersion, digest, from, to, tenant, planHash, phase } = promotion;
  const { reason, ...facts } = notice.data;
  const said = notice.type === 'notification.failed' || reason === undefined ? facts : notice.data;
  const data = { requestId: id, tenant, artifact, version: releaseVersion, digest, from, to, planHash, phase, ...said };
  return { id: `${id}-${notice.row}`, type: notice.type, severity, subject: id, time: new Date(notice.at), data };
}

interface SlackFacts extends Mentions {
  type: NoticeType;
  message: Message;
  news: readonly string[];
  promotion: Promotion;
  plan: Plan;
  texts: PromotionTexts;
  decisions: readonly Decision[];
  approvers: Approvers;
}

/** Notices that ask for an approval. */
const ASKING: ReadonlySet<NoticeType> = new Set(['approval.requested', 'approval.reminder']);

/** Buttons stand only where approval is asked for, and only where the click of somebody can decide. */
async function slackMessageOf({ type, plan, decisions, approvers, ...facts }: SlackFacts): Promise<SlackMessage> {
  const { message, promotion } = facts;
  const page = pageAddress(promotion);
  if (!ASKING.has(type) || promotion.phase !== 'pending_approval') return noticeMessage(message, page, facts);
  const { environments, people } = approvers.configuration;
  const mayDecide = environments[promotion.to]?.slackMayDecide && people.some(({ slack }) => slack !== undefined);
  return approvalMessage({
    ...facts,
    gates: await promotions.gates(promotion.id, promotion.attempt),
    asked: askedApprovers(approvers, promotion, plan, decisions).map(({ name }) => name),
    page,
    handle: mayDecide ? await slackHandle(promotion) : undefined,
  });
}

/** A button for whoever may decide, bound to the plan that stands; it ends with the request. */
function slackHandle({ id, planHash, expiresAt }: Promotion): Promise<string> {
  return issueHandle({
    audience: requiredVariable('API_ORIGIN'),
    requestId: id,
    planHash,
    issuedAt: Math.floor(clock.now().getTime() / 1000),
    expiresAt: Math.floor(Date.parse(expiresAt) / 1000),
  });
}

async function sendMail(
  notice: NoticeRow,
  recipient: Recipient,
  message: Message,
  promotion: Promotion,
  config: Configuration,
): Promise<void> {
  const asks = recipient.approverKey !== undefined && promotion.phase === 'pending_approval';
  const link = asks
    ? { label: 'Review and decide', url: await approvalLink(recipient.approverKey!, promotion) }
    : { label: 'Open the request', url: pageAddress(promotion) };
  // A mail about a mail that did not arrive must not make another one of its kind.
  const about = notice.type === 'notification.failed' ? {} : { requestId: promotion.id };
  await mail.send({ to: recipient.email, from: config.notifications.from, message, link, ...about });
}

function pageAddress(promotion: Promotion): string {
  return `${requiredVariable('API_ORIGIN')}/console/requests/${promotion.to}/${promotion.id}`;
}
