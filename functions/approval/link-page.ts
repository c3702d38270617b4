/** The pages behind a mailed link: no script, nothing loaded, every foreign text inert. */
import { createHash } from 'node:crypto';
import { nameInFull } from '../../core/access/identity.ts';
import type { GateResult } from '../../core/gate/gate.ts';
import { type Html, html } from '../../core/notification/html.ts';
import type { Plan } from '../../core/promotion/plan.ts';
import type { Promotion, PromotionTexts } from '../../core/promotion/promotion.ts';
import type { HttpAnswer } from '../kit/http.ts';

const STYLE = `
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{max-width:44rem;margin:2rem auto;padding:0 1rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem}
dt{font-weight:600}
dd{margin:0;overflow-wrap:anywhere;white-space:pre-line}
fieldset{margin:1.5rem 0;padding:1rem}
label{display:block;margin:.5rem 0}
input[type=text],textarea{width:100%;box-sizing:border-box;font:inherit;padding:.4rem}
button{font:inherit;padding:.5rem 1.5rem}
code{font-family:ui-monospace,monospace}
.code{opacity:.7}
`;
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/** Headers of every page of a link: it must not be framed, cached, indexed, or leak its address. */
const HEADERS = {
  'content-security-policy': pagePolicy("'self'"),
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'cross-origin-opener-policy': 'same-origin',
  'x-robots-tag': 'noindex',
};

/** Browsers hold a form to `formTargets` (origins, separated by spaces) through every redirect that answers it. */
function pagePolicy(formTargets: string): string {
  return `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; form-action ${formTargets}; frame-ancestors 'none'; base-uri 'none'`;
}

/** Headers of a page whose form may be answered with the way to the sign-in page at `origin`. */
export function leadingTo(origin: string): Record<string, string> {
  return { 'content-security-policy': pagePolicy(`'self' ${origin}`) };
}

export function page(status: number, title: string, body: Html, extra: Partial<HttpAnswer> = {}): HttpAnswer {
  // The style is our own constant; its hash in the policy must match it to the byte.
  const style = `<style>${STYLE}</style>`;
  const head = `<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">${style}`;
  const rest = html`<title>${title}</title></head><body><main><h1>${title}</h1>${body}</main></body></html>`;
  const { headers, ...others } = extra;
  return {
    status,
    contentType: 'text/html; charset=utf-8',
    body: `<!doctype html><html lang="en"><head>${head}${rest.markup}`,
    headers: { ...HEADERS, ...headers },
    ...others,
  };
}

/** Where signing in begins. The way back leads to the link's page, with its token: only our own sign-in sees it, and it keeps it on the server. */
export function signInAddress(token: string): string {
  return `/v1/login?return=${encodeURIComponent(`/v1/approvals/link?t=${token}`)}`;
}

export interface DecisionPageFacts {
  promotion: Promotion;
  plan: Plan;
  texts: PromotionTexts;
  gates: readonly GateResult[];
  approver: { name: string; email: string };
  /** What to type, e.g. `prod 3fa9c1`. */
  confirmation: string;
  token: string;
  csrf: string;
  /** The sign-in that the tier demands, if the visitor is not signed in. */
  mustSignIn: boolean;
}

/** What is asked, and the form that answers. Nothing is preselected; a person has to transcribe the confirmation. */
export function decisionPage(facts: DecisionPageFacts): Html {
  const { promotion, plan, texts, gates, approver } = facts;
  const { request } = texts.spec;
  const rows: [string, string][] = [
    ['Request', promotion.id],
    ['Artifact', `${promotion.artifact} ${promotion.releaseVersion}`],
    ['Digest', promotion.digest],
    ['Move', `${promotion.from} → ${promotion.to}`],
    ['Runs there now', plan.rollbackTarget ?? 'nothing recorded'],
    ['Tenant', promotion.tenant],
    ['Requested by', nameInFull(promotion.requester)],
    ['Why', request.justification],
    ['Release notes', request.releaseNotes],
    ['Impact', request.impactAssessment],
    ['Way back', request.rollbackPlan],
    [
      'Rollout',
      plan.rollout.strategy === 'none' ? 'none: copied and tagged' : `${plan.rollout.strategy} ${plan.rollout.weights.join(' → ')} %`,
    ],
    ['Gates', gates.map((gate) => `${gate.name}: ${gate.status} — ${gate.message}`).join('\n') || 'none'],
    ['Plan', promotion.planHash],
    ['Decide until', promotion.expiresAt],
    ['You are', `${approver.name} <${approver.email}>`],
  ];
  const list = rows.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`);
  const signIn = facts.mustSignIn
    ? [
        html`<p>A mailed link alone does not decide on ${promotion.to}: <a href="${signInAddress(facts.token)}">sign in first</a>, or you will be asked to.</p>`,
      ]
    : [];
  return html`<dl>${list}</dl>${signIn}
<form method="post" action="/v1/approvals/link">
<input type="hidden" name="t" value="${facts.token}"><input type="hidden" name="csrf" value="${facts.csrf}">
<fieldset><legend>Your decision</legend>
<label><input type="radio" name="decision" value="approve"> Approve exactly this</label>
<label><input type="radio" name="decision" value="reject"> Reject</label>
<label>Comment (a rejection needs a reason of at least 10 characters)<textarea name="comment" rows="3" maxlength="4000"></textarea></label>
<label>Type <code>${facts.confirmation}</code> to show that a person read this<input type="text" name="confirm" autocomplete="off" spellcheck="false"></label>
<button type="submit">Record my decision</button></fieldset></form>`;
}

/** After a decision: what was recorded, and the way to say that it was somebody else. */
export function recordedPage(promotion: Promotion, decision: string, token: string, csrf: string): Html {
  return html`<p>${decision === 'approve' ? 'Your approval' : 'Your rejection'} of ${promotion.id} (${promotion.artifact} ${promotion.releaseVersion}, ${promotion.from} → ${promotion.to}) is recorded.</p>
<dl><dt>Plan</dt><dd>${promotion.planHash}</dd><dt>Digest</dt><dd>${promotion.digest}</dd><dt>Request is</dt><dd>${promotion.phase}</dd></dl>
<form method="post" action="/v1/approvals/link/revoke"><input type="hidden" name="t" value="${token}"><input type="hidden" name="csrf" value="${csrf}">
<p>Was this not you? <button type="submit">Take it back</button></p></form>`;
}

/** A link that does nothing any more, or an answer that cannot be taken. */
export function refusalPage(code: string, detail: string, hint: string | undefined): Html {
  const more = hint ? [html`<p>${hint}</p>`] : [];
  return html`<p>${detail}</p>${more}<p class="code">${code}</p>`;
}
