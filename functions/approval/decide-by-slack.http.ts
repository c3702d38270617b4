/**
 * `POST /v1/slack/interactions`: the decision of who clicks a button of a Slack message. Slack signs the click, the button says on which plan, and the
 * configuration whose click it is. Slack waits 3 s for the answer, so everything happens before it.
 */
import { verifyHandle } from '../../adapters/approval/link-keys.ts';
import { respondToClick, type SlackResponse } from '../../adapters/notification/slack.ts';
import { resolveReference } from '../../adapters/references.ts';
import { identityKey } from '../../core/access/identity.ts';
import { type Membership, membershipOfKey } from '../../core/access/membership.ts';
import { askedApprovers } from '../../core/approval/asked-approvers.ts';
import type { DecisionInput } from '../../core/approval/decide.ts';
import {
  clickOf,
  isFromOurApp,
  personOfClick,
  requireFullMember,
  type SlackClick,
  type SlackMembers,
} from '../../core/approval/slack-click.ts';
import { badButton, type SlackHandle } from '../../core/approval/slack-handle.ts';
import { isFreshlySigned, isSignedBySlack, signingSecretsOf } from '../../core/approval/slack-signature.ts';
import type { SlackConfiguration } from '../../core/environment/configuration.ts';
import { Fault, Refusal, type RefusalCode } from '../../core/errors.ts';
import { approvalMessage, escapeSlack, noticeMessage } from '../../core/notification/slack-message.ts';
import { moveOf } from '../../core/promotion/move.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import { approveBody, rejectBody } from '../approval/routes.ts';
import { checkSchema } from '../kit/check-schema.ts';
import type { HttpAnswer, HttpCall, HttpHandler } from '../kit/http.ts';
import { once } from '../kit/idempotency.ts';
import { log } from '../kit/log.ts';
import { readForm } from '../kit/read-form.ts';
import { readJson } from '../kit/read-json.ts';
import { countFailure } from '../kit/sign-in-limit.ts';
import { clock, people, promotions, table } from '../kit/state.ts';
import { type KnownRequest, known } from '../promotion/find-request.ts';
import { decideRequest, refuseDecider } from './decide-request.ts';

const SIGNING_SECRET = 'secret:greenlight/slack-signing-secret';
/** Slack is not configured, or switched off: nobody's click decides, and none is believed for less. */
const NO_SLACK: SlackConfiguration = { teamIds: [] };
/** After these no click on the same message can count: its buttons go. */
const OVER: ReadonlySet<RefusalCode> = new Set<RefusalCode>(['EXPIRED', 'STATE_CONFLICT', 'PLAN_CHANGED']);

/** A click of somebody who may decide on the request. */
interface Click {
  click: SlackClick;
  handle: SlackHandle;
  promotion: Promotion;
  request: KnownRequest;
  /** Name of the person, as the configuration has it. */
  name: string;
  decider: Pick<DecisionInput, 'actor' | 'auth' | 'channel'> & { decision: 'approve' | 'reject' };
  membership: Membership;
}

/** Order of refusals: BAD_SIGNATURE, 400 (payload), BAD_SIGNATURE (app), BAD_LINK, 403, 404, 403 (verb, self, channel), 400 (reason), 409, 410. */
export function decideBySlack(members: SlackMembers): HttpHandler {
  return async (call: HttpCall<string>) => {
    const click = await readClick(call);
    // A button that leads to a page is told of as well, and wants an answer.
    if (click.button === 'open') return said('opened');
    const decision = click.button;
    const asked = await telling(call, click, () => whoClicks(call, click, decision, members));
    return telling(call, click, () => onceEach(call, asked, () => decideByClick(call, asked)), asked.promotion);
  };
}

async function readClick(call: HttpCall<string>): Promise<SlackClick> {
  const { headers, rawBody } = call;
  const now = clock.now();
  const isSigned =
    isFreshlySigned(headers, now) && isSignedBySlack(signingSecretsOf(await resolveReference(SIGNING_SECRET)), headers, rawBody, now);
  if (!isSigned) throw await counted(call, badSignature('the message is not signed by our Slack app, or not just now'));
  const { payload = '' } = readForm(call.body);
  const click = clickOf(readJson(Buffer.from(payload)));
  if (!isFromOurApp(click, call.configuration.notifications.slack ?? NO_SLACK)) {
    throw await counted(call, badSignature('the message comes from another app or workspace'));
  }
  return click;
}

function badSignature(detail: string): Refusal {
  return new Refusal('BAD_SIGNATURE', detail, {
    hint: 'the signing secret, app_id and team_id of this deployment must be those of the Slack app; docs/slack.md says how',
  });
}

/** What did not prove where it comes from counts; beyond the limit the refusal is TOO_MANY_REQUESTS. */
async function counted(call: HttpCall<string>, refusal: Refusal): Promise<Refusal> {
  await countFailure(table, clock, 'hook', call.sourceIp);
  return refusal;
}

async function whoClicks(call: HttpCall<string>, click: SlackClick, decision: 'approve' | 'reject', members: SlackMembers): Promise<Click> {
  const { configuration } = call;
  const { issuer } = configuration;
  const slack = configuration.notifications.slack ?? NO_SLACK;
  const handle = await handleOf(call, click);
  const person = personOfClick(click, slack, configuration.people);
  if (slack.botToken !== undefined) {
    requireFullMember(await members.find(await resolveReference(slack.botToken), click.userId), click);
  }
  const aggregate = await promotions.aggregate(handle.requestId);
  if (!aggregate) throw badButton();
  const request = await known(aggregate);
  const { promotion } = request;
  const { subject, email, name } = person;
  const actor = await people.actorFor({ issuer, subject, email, name, kind: 'person', auth: 'slack' });
  const membership = membershipOfKey(configuration, identityKey({ issuer, subject }));
  const decider = { decision, actor, auth: 'slack', channel: 'slack' } as const;
  await refuseDecider(request, decider, membership);
  if (!configuration.environments[promotion.to]?.slackMayDecide) {
    throw new Refusal('FORBIDDEN', `${promotion.to} is not decided on in Slack`, {
      hint: 'open the request and decide there; slack_may_decide in greenlight.yaml says where Slack may',
    });
  }
  return { click, handle, promotion, request, name, decider, membership };
}

async function handleOf(call: HttpCall<string>, click: SlackClick): Promise<SlackHandle> {
  try {
    return await verifyHandle(click.value, call.origin);
  } catch (error) {
    throw error instanceof Refusal ? await counted(call, error) : error;
  }
}

/** The same signed message again is the same click: it must not undo what its person has withdrawn meanwhile. */
async function onceEach(call: HttpCall<string>, { decider }: Click, decide: () => Promise<HttpAnswer>): Promise<HttpAnswer> {
  const delivery = {
    key: call.headers['x-slack-signature'],
    identity: decider.actor.key,
    operation: 'decideBySlack',
    content: call.body,
  };
  try {
    return await once(table, clock, delivery, decide);
  } catch (error) {
    // The first delivery still runs. Deciding the same twice has one effect, and Slack cannot wait.
    if (error instanceof Refusal && error.code === 'IN_PROGRESS') return decide();
    throw error;
  }
}

async function decideByClick(call: HttpCall<string>, asked: Click): Promise<HttpAnswer> {
  const { click, handle, promotion, request, name, decider, membership } = asked;
  const comment = commentOf(click);
  if (clock.now().getTime() >= handle.expiresAt * 1000)
    throw new Refusal('EXPIRED', 'the time to decide is over', { hint: 'create a new request' });
  const input: DecisionInput = { ...decider, planHash: handle.planHash, ...(comment === undefined ? {} : { comment }) };
  const decided = await decideRequest(promotion.id, promotion.to, input, { membership, found: request }).catch((error: unknown) => {
    throw error instanceof Refusal && error.code === 'PLAN_CHANGED' ? planChanged() : error;
  });
  const recorded = `${decider.decision === 'approve' ? 'Approved' : 'Rejected'} by ${name}`;
  await respond(click, () => messageAfter(call, asked, decided, recorded));
  return said(`${recorded}; ${promotion.id} is ${decided.promotion.phase}`);
}

function commentOf({ button, reason }: SlackClick): string | undefined {
  if (button === 'reject') return (checkSchema(rejectBody, { reason: reason ?? '' }, 'body') as { reason: string }).reason;
  return reason === undefined ? undefined : (checkSchema(approveBody, { comment: reason }, 'body') as { comment?: string }).comment;
}

function planChanged(): Refusal {
  return new Refusal('PLAN_CHANGED', 'the plan has changed since this message was sent', {
    hint: 'once the gates have passed, a new message with new buttons asks for the new plan',
  });
}

/** The message as it is to stand: with its buttons while others are asked, without them afterwards. */
async function messageAfter(
  call: HttpCall<string>,
  { click }: Click,
  { promotion, texts, gates, plan, decisions, approvers }: KnownRequest,
  recorded: string,
): Promise<SlackResponse> {
  const isOpen = promotion.phase === 'pending_approval';
  const message = approvalMessage({
    message: { severity: 'info', subject: subjectOf(promotion, isOpen ? `${recorded}, others are asked` : recorded) },
    promotion,
    texts,
    gates,
    asked: isOpen ? askedApprovers(approvers, promotion, plan, decisions).map(({ name }) => name) : [],
    news: [`${recorded}. The request is ${promotion.phase}.`],
    page: pageOf(call, promotion),
    handle: isOpen ? click.value : undefined,
  });
  return { replace_original: true, ...message };
}

/** The message of a request on which this button decides nothing any more. */
function messageWhenOver(call: HttpCall<string>, promotion: Promotion, { message, hint }: Refusal): SlackResponse {
  const subject = subjectOf(promotion, message);
  const paragraphs = [message, ...(hint === undefined ? [] : [hint])];
  return { replace_original: true, ...noticeMessage({ severity: 'info', subject, paragraphs }, pageOf(call, promotion)) };
}

function messageForOneself(error: Refusal | Fault): SlackResponse {
  const text = error instanceof Fault ? 'This cannot be decided now. Try again in a moment.' : [error.message, error.hint ?? ''].join('\n');
  return { replace_original: false, response_type: 'ephemeral', text: escapeSlack(text.trim()) };
}

function subjectOf(promotion: Promotion, what: string): string {
  return `[${promotion.id}] ${what} — ${moveOf(promotion)}`;
}

function pageOf(call: Pick<HttpCall, 'origin'>, { to, id }: Promotion): string {
  return `${call.origin}/v1/requests/${to}/${id}`;
}

function said(text: string): HttpAnswer {
  return { status: 200, body: { text } };
}

/** Of a refusal's status people see a mark at the button only; why it was refused they are told where they clicked. */
async function telling<Result>(
  call: HttpCall<string>,
  click: SlackClick,
  act: () => Promise<Result>,
  promotion?: Promotion,
): Promise<Result> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof Refusal && promotion && OVER.has(error.code)) await respond(click, () => messageWhenOver(call, promotion, error));
    else if (error instanceof Refusal || error instanceof Fault) await respond(click, () => messageForOneself(error));
    throw error;
  }
}

/** What was decided stands whether or not Slack hears of it. */
async function respond({ responseUrl }: SlackClick, response: () => SlackResponse | Promise<SlackResponse>): Promise<void> {
  if (responseUrl === undefined) return;
  try {
    await respondToClick(responseUrl, await response());
  } catch (error) {
    log.warn('Slack message not updated', { error });
  }
}
