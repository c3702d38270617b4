/**
 * Slack messages as Block Kit. Foreign text goes into plain_text, which Slack does not parse, or is escaped; every text keeps Slack's limits and the
 * button beside it leads to the whole of it.
 */
import { nameInFull } from '../access/identity.ts';
import { confirmationOf } from '../approval/confirmation.ts';
import { type BUTTONS, REASON } from '../approval/slack-click.ts';
import type { GateResult } from '../gate/gate.ts';
import { moveOf } from '../promotion/move.ts';
import type { Promotion, PromotionTexts } from '../promotion/promotion.ts';
import { type Message, oneLine, type Severity } from './message.ts';

/** Slack's own limits of a section, a field, a header, a confirmation. */
const LONGEST = { text: 3_000, field: 2_000, header: 150, confirmation: 300 } as const;
/**
 * Of free texts beside buttons a person reads no more. Slack sends the whole message back with each click, a character in up to 8 bytes, and a click
 * has 64 KiB.
 */
const LONGEST_BESIDE_BUTTONS = { text: 1_200, reason: 2_000 } as const;
const MARK: Readonly<Record<Severity, string>> = { info: ':information_source:', warning: ':warning:', critical: ':rotating_light:' };
/** More names than that nobody reads. */
const MOST_NAMES = 10;

interface PlainText {
  type: 'plain_text';
  emoji: false;
  text: string;
}

interface Button {
  type: 'button';
  action_id: (typeof BUTTONS)[number];
  text: PlainText;
  style?: 'primary' | 'danger';
  value?: string;
  url?: string;
  confirm?: { title: PlainText; text: PlainText; confirm: PlainText; deny: PlainText; style: 'primary' | 'danger' };
}

type Block =
  | { type: 'header'; text: PlainText }
  | { type: 'section'; text: PlainText }
  | { type: 'section'; fields: PlainText[] }
  | {
      type: 'input';
      block_id: string;
      optional: true;
      label: PlainText;
      element: { type: 'plain_text_input'; action_id: string; multiline: true; max_length: number };
    }
  | { type: 'context'; elements: [{ type: 'mrkdwn'; text: string }] }
  | { type: 'actions'; elements: Button[] };

export interface SlackMessage {
  /** What notifications and screen readers say. */
  text: string;
  blocks: Block[];
}

/** Slack's markup begins with these three characters only. */
export function escapeSlack(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** At most `longest` characters; what is missing is said. */
function shortened(text: string, longest: number): string {
  if (text.length <= longest) return text;
  const ending = longest >= LONGEST_BESIDE_BUTTONS.text ? '… (cut; the whole text is on the request page)' : '…';
  // Half a surrogate pair is no character.
  return text.slice(0, longest - ending.length).replace(/[\ud800-\udbff]$/, '') + ending;
}

/** An empty text is no text to Slack: it refuses the whole message. */
function plain(text: string, longest: number = LONGEST.text): PlainText {
  return { type: 'plain_text', emoji: false, text: shortened(text.trim() === '' ? '–' : text, longest) };
}

function openButton(url: string, label = 'Open the request'): Button {
  return { type: 'button', action_id: 'open', text: plain(label), url };
}

/** Who is named in a message: members by id, so that Slack tells them, and words that are nobody here. */
export interface Mentions {
  members?: readonly string[];
  words?: readonly string[];
}

/** More mentions than that are a list, which belongs into a channel. */
const MOST_MENTIONS = 20;

function mentionBlock({ members = [], words = [] }: Mentions): Block[] {
  const named = [...members.map((id) => `<@${id}>`), ...words.map(escapeSlack)].slice(0, MOST_MENTIONS);
  return named.length === 0 ? [] : [{ type: 'context', elements: [{ type: 'mrkdwn', text: `For ${named.join(' ')}` }] }];
}

/** Any notice: its paragraphs, whom it is for, and the way to where there is more. */
export function noticeMessage(message: Message, page: string, { label, ...mentions }: Mentions & { label?: string } = {}): SlackMessage {
  const subject = oneLine(message.subject);
  return {
    text: shortened(`${MARK[message.severity]} ${escapeSlack(subject)}`, LONGEST.text),
    blocks: [
      { type: 'header', text: plain(subject, LONGEST.header) },
      ...message.paragraphs.map((paragraph): Block => ({ type: 'section', text: plain(paragraph) })),
      ...mentionBlock(mentions),
      { type: 'actions', elements: [openButton(page, label)] },
    ],
  };
}

export interface ApprovalMessageFacts extends Mentions {
  /** Subject and severity of the notice. */
  message: Pick<Message, 'severity' | 'subject'>;
  promotion: Promotion;
  texts: PromotionTexts;
  gates: readonly Pick<GateResult, 'name' | 'status'>[];
  /** Names of the people whose approval is asked for now. */
  asked: readonly string[];
  /** What has happened since it was asked first. */
  news: readonly string[];
  /** Address of the request page. */
  page: string;
  /** Value of the buttons; absent: this message decides nothing. */
  handle?: string | undefined;
}

/** What is asked, with everything that a person needs to decide, and the buttons to do it where Slack may. */
export function approvalMessage(facts: ApprovalMessageFacts): SlackMessage {
  const { message, promotion, texts, news, page, handle } = facts;
  const { justification, releaseNotes } = texts.spec.request;
  const { text, blocks } = noticeMessage({ ...message, paragraphs: [] }, page);
  return {
    text,
    blocks: [
      blocks[0]!,
      { type: 'section', fields: fieldsOf(facts) },
      { type: 'section', text: plain(`Why: ${justification}`, LONGEST_BESIDE_BUTTONS.text) },
      { type: 'section', text: plain(`Release notes: ${releaseNotes}`, LONGEST_BESIDE_BUTTONS.text) },
      ...news.map((text): Block => ({ type: 'section', text: plain(text, LONGEST_BESIDE_BUTTONS.text) })),
      ...mentionBlock(facts),
      ...(handle === undefined ? [] : [reasonField()]),
      { type: 'actions', elements: handle === undefined ? [openButton(page)] : [...decisionButtons(promotion, handle), openButton(page)] },
    ],
  };
}

/** Ten at most: Slack takes no more. */
function fieldsOf({ promotion, gates, asked }: ApprovalMessageFacts): PlainText[] {
  const rows: [string, string][] = [
    ['Artifact', promotion.artifact],
    ['Version', promotion.releaseVersion],
    ['Move', promotion.kind === 'promote' ? `${promotion.from} → ${promotion.to}` : moveOf(promotion)],
    ['Digest', `…${promotion.digest.slice(-6)}`],
    ['Requested by', nameInFull(promotion.requester)],
    ['Impact', promotion.impact],
    ['Gates', gates.map(({ name, status }) => `${name}: ${status}`).join('\n') || 'none'],
    ['Plan', `…${promotion.planHash.slice(-6)}`],
    ['Decide until', promotion.expiresAt],
    ['Asked', namesOf(asked)],
  ];
  return rows.map(([name, value]) => plain(`${name}\n${value}`, LONGEST.field));
}

function moveInWords({ kind, artifact, releaseVersion, from, to }: Promotion): string {
  return kind === 'rollback' ? `${artifact} in ${to} back to ${releaseVersion}` : `${artifact} ${releaseVersion} from ${from} to ${to}`;
}

function namesOf(names: readonly string[]): string {
  if (names.length === 0) return 'nobody';
  const more = names.length - MOST_NAMES;
  return names.slice(0, MOST_NAMES).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

function reasonField(): Block {
  return {
    type: 'input',
    block_id: REASON,
    optional: true,
    label: plain('Comment (a rejection needs a reason of at least 10 characters)'),
    element: { type: 'plain_text_input', action_id: REASON, multiline: true, max_length: LONGEST_BESIDE_BUTTONS.reason },
  };
}

function decisionButtons(promotion: Promotion, handle: string): Button[] {
  const button = (action: 'approve' | 'reject', label: string, style: 'primary' | 'danger'): Button => ({
    type: 'button',
    action_id: action,
    text: plain(label),
    style,
    value: handle,
    confirm: {
      title: plain(`${label} for ${promotion.to}?`, 100),
      text: plain(
        `${confirmationOf(promotion.to, promotion.digest)}: ${moveInWords(promotion)}, plan …${promotion.planHash.slice(-6)}`,
        LONGEST.confirmation,
      ),
      confirm: plain(label),
      deny: plain('Cancel'),
      style,
    },
  });
  return [button('approve', 'Approve', 'primary'), button('reject', 'Reject', 'danger')];
}
