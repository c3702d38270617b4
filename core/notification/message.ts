/** What people are told about a promotion: subject and text, from facts. No tokens, no evidence bodies; links are added by who sends. */
import { type Actor, nameInFull } from '../access/identity.ts';
import type { NoticeType } from '../promotion/change.ts';
import { moveOf } from '../promotion/move.ts';
import type { PlanChange, Promotion } from '../promotion/promotion.ts';
import { lacking } from '../registry/copy-record.ts';

export type Severity = 'info' | 'warning' | 'critical';

export interface Message {
  severity: Severity;
  /** One line; foreign text in it is stripped of control characters. */
  subject: string;
  /** Paragraphs of plain text. */
  paragraphs: string[];
}

export interface NoticeFacts {
  type: NoticeType;
  data: Record<string, string | number | boolean | null>;
  promotion: Promotion;
  justification: string;
  /** What the last edit changed. */
  changes?: readonly PlanChange[];
  /** Whose act it tells of, where that is a person's. */
  by?: Actor;
}

const ASKS: ReadonlySet<NoticeType> = new Set(['promotion.requested', 'approval.requested', 'approval.reminder', 'approval.escalated']);
/** More than a mail should hold stands in the request. */
const MOST_CHANGES = 12;

const SEVERITY: Partial<Record<NoticeType, Severity>> = {
  'promotion.blocked': 'warning',
  'promotion.failed': 'critical',
  'rollback.started': 'critical',
  'rollback.finished': 'warning',
  'notification.failed': 'warning',
  'security.alert': 'critical',
  'environment.alert': 'critical',
  'waiver.granted': 'critical',
  'review.overdue': 'critical',
  'approval.escalated': 'warning',
  'subscription.disabled': 'warning',
};

/** How much an event weighs unless the configuration says otherwise. */
export function usualSeverity(type: NoticeType): Severity {
  return SEVERITY[type] ?? 'info';
}

/** Text of one notice. `justification` and names are attacker-controlled: they are quoted as text, never as markup. */
export function messageOf(facts: NoticeFacts): Message {
  const { promotion, type, data } = facts;
  const what = moveOf(promotion);
  const subject = `[${promotion.id}] ${headline(type, data, promotion)} — ${what}`;
  return { severity: usualSeverity(type), subject: oneLine(subject), paragraphs: paragraphsOf(facts, what) };
}

/** Text of what belongs to no request. `reason` of its facts is the sentence that says it; the others are listed. */
export function systemMessage({ type, data }: Pick<NoticeFacts, 'type' | 'data'>, at: string): Message {
  const facts = Object.entries(data).filter(([name]) => name !== 'reason');
  const lines = [`Seen at: ${at}`, ...facts.map(([name, value]) => `${name}: ${String(value)}`)];
  const reason = data['reason'] ?? data['signal'];
  const head = SYSTEM_HEAD[type] ?? (typeof data['environment'] === 'string' ? 'Attention' : 'Suspicious activity');
  return {
    severity: usualSeverity(type),
    subject: oneLine(reason === undefined ? head : `${head}: ${String(reason)}`),
    paragraphs: [lines.join('\n')],
  };
}

const SYSTEM_HEAD: Partial<Record<NoticeType, string>> = {
  'gc.planned': 'Clean-up planned',
  'gc.deleted': 'Clean-up done',
  'lifecycle.changed': 'Lifecycle of a version changed',
  'config.changed': 'Configuration changed',
  'subscription.disabled': 'A webhook is switched off',
};

function headline(type: NoticeType, data: NoticeFacts['data'], promotion: Promotion): string {
  const word = promotion.kind === 'rollback' ? 'Rollback' : 'Promotion';
  // A rollback may itself fail: then its own way back is what the notice tells of, which has a reason.
  const isWayBackOfRollback = promotion.kind === 'rollback' && (data['code'] !== undefined || data['restored'] !== undefined);
  switch (type) {
    case 'promotion.requested':
      return `${word} requested`;
    case 'promotion.blocked':
      return `${word} blocked`;
    case 'approval.requested':
      return 'Your approval is asked';
    case 'approval.reminder':
      return 'Your approval is still asked';
    case 'approval.escalated':
      return 'Nobody has decided yet';
    case 'waiver.granted':
      return data['gate'] === 'skip_canary' ? 'Canary skipped (break-glass)' : `Gate ${data['gate'] ?? ''} waived (break-glass)`;
    case 'review.overdue':
      return `Review of a break-glass overdue`;
    case 'approval.decided':
      return data['decision'] === 'approve' ? 'Approved by an approver' : 'Rejected by an approver';
    case 'approval.closed':
      return `Approval ${data['outcome'] ?? 'closed'}`;
    case 'promotion.started':
      return 'Rollout started';
    case 'rollout.step':
      return `Rollout step ${data['step'] ?? promotion.step ?? ''}`.trim();
    case 'promotion.succeeded':
      return 'Promotion succeeded';
    case 'promotion.failed':
      return `${word} failed`;
    case 'rollback.started':
      return isWayBackOfRollback ? 'Rollback failed, what ran before is restored' : 'Rollback started';
    case 'rollback.finished':
      return isWayBackOfRollback ? 'Rollback failed, what ran before runs again' : 'Rolled back';
    case 'gate.finished':
      return `Gate ${data['gate'] ?? ''} ${data['status'] ?? ''}`.trim();
    case 'notification.failed':
      return 'A mail did not arrive';
    case 'environment.alert':
      return data['signal'] === 'taken_back' ? 'Taken back by itself' : 'An environment needs attention';
    case 'gc.planned':
    case 'gc.deleted':
    case 'lifecycle.changed':
    case 'config.changed':
    case 'subscription.disabled':
      return SYSTEM_HEAD[type]!;
    case 'security.alert':
      return data['signal'] === 'decision_revoked' ? 'A decision by mailed link was not the approver’s own' : 'Suspicious activity';
  }
}

function paragraphsOf(facts: NoticeFacts, what: string): string[] {
  const { promotion, type, justification } = facts;
  const head = [what, `Digest: ${promotion.digest}`, `Requested by: ${nameInFull(promotion.requester)}`, `Impact: ${promotion.impact}`];
  const asks = ASKS.has(type) ? [`Why: ${justification}`, `Decide until: ${promotion.expiresAt}`] : [];
  return [head.join('\n'), ...asks, ...newsOf(facts)];
}

/** What the notice tells beyond the request itself: what has changed, what went wrong, why it is asked again. */
export function newsOf({ promotion, type, data, changes = [], by }: Omit<NoticeFacts, 'justification'>): string[] {
  const lines: string[] = [];
  if (ASKS.has(type) && changes.length > 0) {
    const shown = changes.slice(0, MOST_CHANGES).map(({ field, before, after }) => `${field}: ${before} → ${after}`);
    lines.push(['Changed since it was last asked for:', ...shown].join('\n'));
  }
  if (typeof data['review'] === 'string') lines.push(`Review: ${data['review']}`);
  if (promotion.failure && (type === 'promotion.failed' || type.startsWith('rollback.'))) {
    lines.push(`Reason: ${promotion.failure.code}: ${promotion.failure.message}`);
  }
  if (type === 'approval.decided' && by) {
    lines.push(`Decided by: ${nameOf(by)}${data['channel'] === 'link' ? ', with the link that was mailed to them' : ''}`);
  }
  if (data['signal'] === 'decision_revoked' && by) lines.push(...revokedParagraphs(by, data));
  if (type === 'notification.failed') {
    lines.push('Tell whoever was not reached: the request can be decided without mail, signed in, by REST or `greenlight approve`.');
  }
  const without = type === 'promotion.succeeded' && promotion.copy ? lacking(promotion.copy) : [];
  if (without.length > 0)
    lines.push(
      `Not in ${without.join(', ')} yet: greenlight repair ${promotion.releaseVersion} ${promotion.to} --artifact ${promotion.artifact}`,
    );
  if (type === 'promotion.blocked') lines.push(`Gates that did not pass: ${data['gates'] ?? 'see the request'}`);
  if (typeof data['reason'] === 'string') lines.push(`Reason: ${data['reason']}`);
  return lines;
}

function nameOf({ name, email }: Actor): string {
  return name ? `${name} (${email})` : email;
}

/** What became of the decision, and what is left to do. */
const REVOKED: Readonly<Record<string, string>> = {
  taken_back: 'It was taken back: the request waits for approval again, and the link is dead.',
  void: 'It did not count any more: it had been taken back, or the plan has changed.',
  begun: 'The rollout has begun, so that it could not be taken back: abort it now if it must not go on.',
  over: 'The request is over, so that it could not be taken back: look at what runs now.',
};

function revokedParagraphs(by: NonNullable<NoticeFacts['by']>, data: NoticeFacts['data']): string[] {
  const what = data['decision'] === 'reject' ? 'rejection' : 'approval';
  return [
    `${nameOf(by)} says that the ${what} which was recorded in their name by a mailed link was not theirs.`,
    REVOKED[String(data['outcome'])] ?? '',
    'Somebody else may read their mail: until that is clear, do not count on links that are sent to them.',
  ];
}

/** A header must not grow a second line: control characters (CR and LF among them) become spaces. */
export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trim();
}
