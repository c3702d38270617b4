/** The page that asks: what would change, why, what was found out about it, who else is asked, and the form that answers. */
import type { Decision } from '../../core/approval/decision.ts';
import type { Approvers } from '../../core/approval/delegation.ts';
import { eligibleFor, undecided } from '../../core/approval/eligible.ts';
import type { ApprovalProgress } from '../../core/approval/progress.ts';
import type { Occupant } from '../../core/environment/environment.ts';
import type { FieldError } from '../../core/errors.ts';
import { COUNTS_AS_PASSED, type GateResult, UNSETTLED } from '../../core/gate/gate.ts';
import { type Html, html } from '../../core/notification/html.ts';
import type { Plan } from '../../core/promotion/plan.ts';
import type { PlanChange, Promotion, PromotionTexts } from '../../core/promotion/promotion.ts';
import { digestOf, foreign, linkTo, listOf, personOf, signInAddress, timeOf } from './link-page.ts';

/** Fields of the form, as a person filled them in. Attacker-controlled. */
export interface GivenFields {
  decision?: string;
  comment?: string;
  confirm?: string;
}

export interface DecisionPageFacts {
  promotion: Promotion;
  plan: Plan;
  texts: PromotionTexts;
  gates: readonly GateResult[];
  progress: ApprovalProgress;
  /** What runs in the target environment now. */
  current: Occupant | undefined;
  /** Those that count now. */
  decisions: readonly Decision[];
  approvers: Approvers;
  approver: { name: string; email: string };
  /** What to type, e.g. `prod 3fa9c1`. */
  confirmation: string;
  token: string;
  csrf: string;
  /** Who is signed in in this browser; absent where nobody is. `isApprover`: it is the person whom the link was sent to. */
  visitor?: { name: string; isApprover: boolean };
  /** The tier demands that the approver signs in. */
  needsSignIn: boolean;
  /** What was sent before and why it was not taken. */
  rejected?: { given: GivenFields; errors: readonly FieldError[] };
}

const NO_HTML = html``;
/** More than a screen of text gets a scroll bar of its own, so that the form stays near. */
const LONG = 900;

/** Nothing is preselected; a person has to choose and to transcribe the confirmation. */
export function decisionPage(facts: DecisionPageFacts): Html {
  const { promotion, texts, approver, rejected } = facts;
  const problem = rejected
    ? html`<div class="note problem" role="alert"><p><b>Nothing was recorded.</b> Look at what is marked below, and send it again.</p></div>`
    : NO_HTML;
  return html`<a class="skip" href="#decision">Go to the decision</a>
<p class="lead">${personOf(promotion.requester)} ${asksFor(promotion)}. You are asked as <b>${foreign(approver.name)}</b> (${foreign(approver.email)}), until ${timeOf(promotion.expiresAt)}.</p>
${problem}${visitorNote(facts)}${moveOf(facts)}${changesOf('Changed since it was last asked for', texts.changes ?? [])}
<h2>Why, and what if it goes wrong</h2>
${listOf([
  ['Why', textOf('Why', texts.spec.request.justification)],
  ['Release notes', textOf('Release notes', texts.spec.request.releaseNotes)],
  ['Impact', html`<b class="${promotion.impact === 'low' ? '' : promotion.impact === 'medium' ? 'open' : 'bad'}">${promotion.impact}</b>`],
  ['Way back', textOf('Way back', texts.spec.request.rollbackPlan)],
  ['Rollout', rolloutOf(facts.plan)],
  ...(promotion.scheduledDate === null ? [] : [['Not before', timeOf(promotion.scheduledDate)] as const]),
  ['Claims', claimsOf(texts)],
])}
${gatesOf(facts)}${othersOf(facts)}${formOf(facts)}`;
}

function asksFor({ kind, from, to, releaseVersion }: Promotion): Html {
  return kind === 'rollback'
    ? html`asks to roll <b>${to}</b> back to ${releaseVersion}, which ran there before`
    : html`asks to move it from ${from} to <b>${to}</b>`;
}

/** Differences of two plans as a table of before and after. */
export function changesOf(title: string, changes: readonly PlanChange[]): Html {
  if (changes.length === 0) return NO_HTML;
  return html`<div class="note changed"><p><b>${title}</b></p>${listOf(changes.map(({ field, before, after }) => [wordsOfField(field), html`${foreign(before)} → <b>${foreign(after)}</b>`] as const))}</div>`;
}

/** `rollout.bakeSeconds` as people write it. */
function wordsOfField(field: string): string {
  return field
    .replaceAll('.', ' ')
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase();
}

/** What of the approvals is given and what is missing, and who can give it. */
export function othersOf(facts: Pick<DecisionPageFacts, 'plan' | 'progress' | 'promotion' | 'decisions' | 'approvers'>): Html {
  const { plan, progress, promotion, decisions, approvers } = facts;
  const rows = progress.stages.flatMap((stage, index) =>
    stage.rules.map((rule, place) => {
      const missing = rule.min - rule.given.length;
      const people = eligibleFor(plan.approvals[index]!.rules[place]!, promotion, approvers, decisions);
      const names = undecided(people, promotion, decisions, missing).map(
        ({ name, email }, at) => html`${at > 0 ? ' or ' : ''}${foreign(name || email)}`,
      );
      const isService = plan.approvals[index]!.rules[place]!.automated !== undefined;
      const who = isService ? [html`the service answers`] : names.length > 0 ? names : [html`nobody may give it: add a member to the team`];
      const open = rule.met ? NO_HTML : html`<div class="soft">${missing} more: ${who}</div>`;
      const given = rule.given.map(
        ({ actor, onBehalfOf }) =>
          html`<div>${personOf(actor)}${onBehalfOf ? html` <span class="soft">for ${foreign(onBehalfOf.email)}</span>` : ''}</div>`,
      );
      return html`<li><div>${rule.met ? html`<span class="is good">✓ given</span>` : html`<span class="is open">… missing</span>`}</div><div><b>${rule.team}</b>${given}${open}</div></li>`;
    }),
  );
  return rows.length === 0 ? NO_HTML : html`<h2>Approvals that it needs</h2><ul class="rows">${rows}</ul>`;
}

function visitorNote({ visitor, needsSignIn, approver, promotion, token }: DecisionPageFacts): Html {
  if (visitor && !visitor.isApprover) {
    return html`<div class="note warn"><p>You are signed in as <b>${foreign(visitor.name)}</b>, but this link was sent to <b>${foreign(approver.name)}</b>. Nobody else can use it.</p></div>`;
  }
  if (visitor || !needsSignIn) return NO_HTML;
  return html`<div class="note"><p>For ${promotion.to} a mailed link is not enough: <b>sign in</b>, so that it is certain who decides. You come back to this page.</p>${linkTo(signInAddress(token), 'Sign in to decide')}</div>`;
}

function moveOf({ promotion, plan, current }: DecisionPageFacts): Html {
  const now = current
    ? html`<b>${promotion.artifact} ${foreign(current.version)}</b><code>${current.digest}</code>`
    : html`<b>nothing recorded</b>`;
  const isOther = plan.rollbackTarget !== null && plan.rollbackTarget !== current?.digest;
  const back = isOther
    ? html`<p class="hint">It was planned when <code>${plan.rollbackTarget!}</code> ran there. If the rollout fails, what runs when it begins is restored.</p>`
    : NO_HTML;
  if (promotion.kind === 'repair') {
    return html`<div class="note"><p>Nothing that runs in ${promotion.to} changes: what its registries lack of <b>${promotion.artifact} ${promotion.releaseVersion}</b> is copied again. ${digestOf(promotion.digest)}</p></div>`;
  }
  return html`<div class="move" role="group" aria-label="What changes">
<div class="side"><span class="label">Runs in ${promotion.to} now</span>${now}</div><div class="arrow" aria-hidden="true">→</div>
<div class="side new"><span class="label">Will run in ${promotion.to}</span><b>${promotion.artifact} ${promotion.releaseVersion}</b>${digestOf(promotion.digest)}</div></div>${back}`;
}

function claimsOf({ spec: { preChecks } }: PromotionTexts): Html {
  const said = [
    [preChecks.stagingTestsPassed, 'staging tests'],
    [preChecks.securityScanPassed, 'security scan'],
    [preChecks.performanceTestsPassed, 'performance tests'],
  ] as const;
  const words = said.map(
    ([passed, what], at) =>
      html`${at > 0 ? ', ' : ''}<span class="${passed ? '' : 'bad'}">${what} ${passed ? 'passed' : 'not passed'}</span>`,
  );
  // An address of somebody else is text: nothing on this page leads away from it.
  const evidence = preChecks.testEvidenceUrl.replace(/^https?:\/\//, '');
  return html`${words} <span class="soft">(said by the requester; evidence: ${foreign(evidence)})</span>`;
}

const MARKS = { passed: '✓', waived: '!', failed: '✗', errored: '✗', inconclusive: '?', pending: '…', running: '…', not_run: '–' } as const;

function gatesOf({ plan, gates }: DecisionPageFacts): Html {
  if (plan.gates.length === 0) return NO_HTML;
  const rows = plan.gates.map(({ name, type }) => {
    const result = gates.find((candidate) => candidate.name === name);
    const status = result?.status ?? 'pending';
    // A waived gate lets the promotion go on, and is what an approver has to look at.
    const mood = status === 'waived' ? 'open' : COUNTS_AS_PASSED.has(status) ? 'good' : UNSETTLED.has(status) ? 'open' : 'bad';
    const more = result && mood !== 'good' && result.resolution ? [html`<div class="soft">${foreign(result.resolution)}</div>`] : [];
    return html`<li><div><span class="is ${mood}">${MARKS[status]} ${status.replaceAll('_', ' ')}</span></div><div><b>${name}</b>${name === type ? '' : html` <span class="soft">${type}</span>`}${result?.message ? html`<div>${foreign(result.message)}</div>` : ''}${more}</div></li>`;
  });
  return html`<h2>What the gates found</h2><ul class="rows">${rows}</ul>`;
}

function formOf({ token, csrf, confirmation, promotion, rejected }: DecisionPageFacts): Html {
  const given = rejected?.given ?? {};
  const wrong = (field: string) => rejected?.errors.find(({ path }) => path === `/${field}`)?.message;
  const first = ['decision', 'comment', 'confirm'].find((field) => wrong(field) !== undefined);
  // Written out, because attributes without a value cannot be escaped text: each is a constant of ours.
  const invalid = (field: string) =>
    wrong(field) === undefined
      ? NO_HTML
      : html` aria-invalid="true" aria-describedby="${field}-wrong"${field === first ? html` autofocus` : ''}`;
  const complaint = (field: string) =>
    wrong(field) === undefined ? NO_HTML : html`<p class="wrong" id="${field}-wrong">${wrong(field)!}</p>`;
  const radio = (value: string, at: number) =>
    html`<input type="radio" name="decision" value="${value}" required${given.decision === value ? html` checked` : ''}${at === 0 ? invalid('decision') : ''}>`;
  return html`<form method="post" action="/v1/approvals/link" id="decision">
<input type="hidden" name="t" value="${token}"><input type="hidden" name="csrf" value="${csrf}">
<fieldset><legend>Your decision</legend>
<div class="choices">
<label class="choice good">${radio('approve', 0)}<p><b>Approve</b><br><span>Exactly this digest may run in ${promotion.to}.</span></p></label>
<label class="choice bad">${radio('reject', 1)}<p><b>Reject</b><br><span>The request ends here, and nothing is changed.</span></p></label>
</div>${complaint('decision')}</fieldset>
<div class="field"><label for="comment">Comment</label><textarea id="comment" name="comment" rows="3" maxlength="4000"${invalid('comment')}>${'\n'}${given.comment ?? ''}</textarea>${complaint('comment')}<p class="hint">Rejecting needs a reason of at least 10 characters.</p></div>
<div class="field"><label for="confirm">Type <code>${confirmation}</code> to show that a person read this</label><input id="confirm" type="text" name="confirm" value="${given.confirm ?? ''}" autocomplete="off" autocapitalize="none" spellcheck="false" required${invalid('confirm')}>${complaint('confirm')}<p class="hint">The environment, and the last six characters of the digest.</p></div>
<button type="submit">Record my decision</button></form>`;
}

function textOf(label: string, text: string): Html {
  const isLong = text.length > LONG || text.split('\n').length > 14;
  // Who uses the keyboard must be able to reach what scrolls.
  return isLong
    ? html`<div class="text long" tabindex="0" role="region" aria-label="${label}">${foreign(text)}</div>`
    : html`<div class="text">${foreign(text)}</div>`;
}

function rolloutOf({ rollout }: Plan): string {
  if (rollout.strategy === 'none') return 'copied and tagged, no workload is changed';
  if (rollout.strategy === 'job') return 'by a job of AWX, which says itself how it ended';
  const steps = rollout.weights.map((weight) => `${weight} %`).join(' → ');
  const between = [...(rollout.smoke ? ['smoke tests'] : []), ...(rollout.bakeSeconds > 0 ? [`${rollout.bakeSeconds} s of watching`] : [])];
  const after = between.length > 0 ? `, with ${between.join(' and ')} after each step` : '';
  const skipped = rollout.skipped ? `, WITHOUT its canary (${rollout.skipped.map((weight) => `${weight} %`).join(', ')}), by a waiver` : '';
  const by = rollout.traffic ? ` by HTTPRoute ${rollout.traffic.route}` : '';
  return `${rollout.strategy === 'canary' ? 'canary' : 'at once'} ${steps}${by}${after}${skipped}`;
}
