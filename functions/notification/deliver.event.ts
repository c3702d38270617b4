/** Lambda `deliver`: turns notices into bus events, mail and Slack messages. One runs at a time; what fails is tried again every minute for a day. */
import { randomBytes } from 'node:crypto';
import { askService } from '../../adapters/approval/ask-service.ts';
import { issueHandle, issueToken } from '../../adapters/approval/link-keys.ts';
import { linkRows } from '../../adapters/approval/link-rows.ts';
import { publishEvent } from '../../adapters/notification/bus.ts';
import { mailer } from '../../adapters/notification/mailer.ts';
import { type NoticeRow, noticeRows } from '../../adapters/notification/notice-rows.ts';
import { sendToSlack } from '../../adapters/notification/slack.ts';
import { ALERT_PREFIX } from '../../adapters/notification/system-alerts.ts';
import { resolveReference } from '../../adapters/references.ts';
import { requiredVariable } from '../../adapters/state/table.ts';
import { askedApprovers } from '../../core/approval/asked-approvers.ts';
import type { Decision } from '../../core/approval/decision.ts';
import type { Approvers } from '../../core/approval/delegation.ts';
import { standingDecisions } from '../../core/approval/standing.ts';
import { type Configuration, tenantsOf } from '../../core/environment/configuration.ts';
import { messageOf as errorText } from '../../core/errors.ts';
import { administratorsOf, audienceOf, type Recipient, servicesToAsk } from '../../core/notification/audience.ts';
import { alertMessage, type Message, messageOf, newsOf } from '../../core/notification/message.ts';
import { approvalMessage, noticeMessage, type SlackMessage } from '../../core/notification/slack-message.ts';
import type { NoticeType } from '../../core/promotion/change.ts';
import type { Plan } from '../../core/promotion/plan.ts';
import type { Promotion, PromotionTexts } from '../../core/promotion/promotion.ts';
import { log } from '../kit/log.ts';
import { approversNow, clock, configuration, promotions, table } from '../kit/state.ts';

const notices = noticeRows(table);
const links = linkRows(table);
const mail = mailer();

/** A notice older than this helps nobody any more. */
const GIVE_UP_MS = 24 * 3_600_000;
/** Steps and single gates are for the bus; Slack and mail tell what a person acts on. */
const QUIET: ReadonlySet<NoticeType> = new Set(['gate.finished', 'rollout.step']);

export async function handler(): Promise<{ delivered: number; failed: number }> {
  const config = await configuration();
  let delivered = 0;
  let failed = 0;
  for (const notice of await notices.pending()) {
    const problems = await deliver(notice, config);
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
  return { delivered, failed };
}

/** Every channel on its own: one that fails keeps no other waiting. Answers what went wrong. */
async function deliver(notice: NoticeRow, config: Configuration): Promise<string[]> {
  const problems: string[] = [];
  const once = async (channel: string, send: () => Promise<void>) => {
    try {
      if (await notices.wasSent(notice, channel)) return;
      await send();
      await notices.markSent(notice, channel);
    } catch (error) {
      problems.push(`${channel.split(':')[0]}: ${errorText(error)}`);
    }
  };
  if (notice.requestId.startsWith(ALERT_PREFIX)) {
    await deliverAlert(notice, config, once);
    return problems;
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
  const told = { type: notice.type, data: notice.data, promotion, changes: texts.changes ?? [] };
  const message = messageOf({ ...told, justification: texts.spec.request.justification });
  await once('bus', () => publish(notice, promotion));
  for (const service of servicesToAsk(notice.type, promotion, plan, standingDecisions(approvers, promotion, decisions))) {
    const approver = config.automatedApprovers[service];
    const settings = { origin: requiredVariable('API_ORIGIN'), now: clock.now() };
    if (approver) await once(`service:${service}`, () => askService(approver, promotion, settings));
  }
  if (QUIET.has(notice.type)) return problems;
  const webhook = config.notifications.slack?.webhook;
  if (webhook) {
    const facts = { type: notice.type, message, news: newsOf(told), promotion, plan, texts, decisions, approvers };
    await once('slack', async () => sendToSlack(await resolveReference(webhook), await slackMessageOf(facts)));
  }
  for (const recipient of audienceOf(notice.type, { approvers, promotion, plan, decisions })) {
    await once(`mail:${recipient.email}`, () => sendMail(recipient, message, promotion, config));
  }
  return problems;
}

type Once = (channel: string, send: () => Promise<void>) => Promise<void>;

/** An alert that belongs to no request: to the bus, to Slack, and to every administrator. */
async function deliverAlert(notice: NoticeRow, config: Configuration, once: Once): Promise<void> {
  const message = alertMessage(notice.data, notice.at);
  const origin = requiredVariable('API_ORIGIN');
  const page = { label: 'Open Greenlight', url: `${origin}/docs` };
  const event = { id: notice.row, type: notice.type, subject: notice.requestId, time: new Date(notice.at), data: notice.data };
  await once('bus', () => publishEvent(event, origin));
  const webhook = config.notifications.slack?.webhook;
  if (webhook) await once('slack', async () => sendToSlack(await resolveReference(webhook), noticeMessage(message, page.url, page.label)));
  const { from } = config.notifications;
  const administrators = new Set(tenantsOf(config).flatMap((tenant) => administratorsOf(config, tenant)));
  for (const to of administrators) await once(`mail:${to}`, () => mail.send({ to, from, message, link: page }));
}

function publish(notice: NoticeRow, promotion: Promotion): Promise<void> {
  const { id, artifact, releaseVersion, digest, from, to, tenant, planHash, phase } = promotion;
  const data = { requestId: id, tenant, artifact, version: releaseVersion, digest, from, to, planHash, phase, ...notice.data };
  const event = { id: `${id}-${notice.row}`, type: notice.type, subject: id, time: new Date(notice.at), data };
  return publishEvent(event, requiredVariable('API_ORIGIN'));
}

interface SlackFacts {
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
  if (!ASKING.has(type) || promotion.phase !== 'pending_approval') return noticeMessage(message, page);
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

async function sendMail(recipient: Recipient, message: Message, promotion: Promotion, config: Configuration): Promise<void> {
  const asks = recipient.approverKey !== undefined && promotion.phase === 'pending_approval';
  const link = asks
    ? { label: 'Review and decide', url: await approvalLink(recipient.approverKey!, promotion) }
    : { label: 'Open the request', url: pageAddress(promotion) };
  await mail.send({ to: recipient.email, from: config.notifications.from, message, link });
}

function pageAddress(promotion: Promotion): string {
  return `${requiredVariable('API_ORIGIN')}/v1/requests/${promotion.to}/${promotion.id}`;
}

/** A link for one person, bound to the plan that stands; it ends with the request. */
async function approvalLink(approver: string, promotion: Promotion): Promise<string> {
  const audience = requiredVariable('API_ORIGIN');
  const id = randomBytes(16).toString('hex');
  const { planHash, expiresAt } = promotion;
  await links.issue({ id, requestId: promotion.id, approver, planHash, expiresAt });
  const issuedAt = Math.floor(clock.now().getTime() / 1000);
  const token = await issueToken({
    audience,
    id,
    requestId: promotion.id,
    approver,
    planHash,
    issuedAt,
    expiresAt: Math.floor(Date.parse(expiresAt) / 1000),
  });
  return `${audience}/v1/approvals/link?t=${token}`;
}
