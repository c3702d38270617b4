/** The frame of every page behind a mailed link: no script, nothing loaded, every foreign text inert; readable on a phone and in the dark. */
import { createHash } from 'node:crypto';
import type { Actor } from '../../core/access/identity.ts';
import { withHiddenShown } from '../../core/notification/foreign-text.ts';
import { type Html, html } from '../../core/notification/html.ts';
import type { HttpAnswer } from '../kit/http.ts';

/** Two sets of colours; everything else is said once. Every pair of text and ground has a contrast of at least 4.5 to 1. */
const STYLE = `
:root{color-scheme:light dark;--ground:#f4f5f7;--sheet:#fff;--ink:#1a1f26;--soft:#59636e;--line:#d3d9e0;--link:#0a58c2;
--good:#17692f;--good-ground:#e8f5ec;--bad:#a8201a;--bad-ground:#fcebea;--warn:#7d4e00;--warn-ground:#fff3da;--calm-ground:#eaf1fb;--mark:#fff0b8;
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
@media (prefers-color-scheme:dark){:root{--ground:#0e1217;--sheet:#171c23;--ink:#e7ebf0;--soft:#9aa5b1;--line:#333c47;--link:#7fb2ff;
--good:#6fd08c;--good-ground:#14281c;--bad:#ff9c94;--bad-ground:#331a19;--warn:#f0c065;--warn-ground:#2e2412;--calm-ground:#17243a;--mark:#4f430f}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink)}
a{color:var(--link)}
:focus-visible{outline:3px solid var(--link);outline-offset:2px;border-radius:4px}
.page{max-width:46rem;margin:0 auto;padding:1rem}
.bar{display:flex;flex-wrap:wrap;justify-content:space-between;gap:0 1rem;color:var(--soft);font-size:.875rem;padding:.25rem .25rem .75rem}
.bar b{color:var(--ink)}
main{background:var(--sheet);border:1px solid var(--line);border-radius:12px;padding:1.5rem}
.kicker{margin:0;color:var(--soft);font-size:.8125rem;font-weight:600;letter-spacing:.05em;text-transform:uppercase}
h1{margin:.125rem 0 .5rem;font-size:1.75rem;line-height:1.2;overflow-wrap:anywhere}
h2{margin:2rem 0 .5rem;font-size:1.125rem;line-height:1.3}
p{margin:.5rem 0}
.lead{font-size:1.0625rem}
.soft,.hint{color:var(--soft)}
.hint{font-size:.875rem}
bdi,dd,.text,.lead{overflow-wrap:anywhere}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.875em;overflow-wrap:anywhere}
code strong,label code{background:var(--mark);color:inherit;padding:.1em .25em;border-radius:4px;font-weight:700}
label code{font-size:1em;white-space:nowrap}
.note{margin:1rem 0;padding:.75rem 1rem;border-radius:8px;border-left:4px solid var(--link);background:var(--calm-ground)}
.note p:first-child,.choice p,.problem p:first-child{margin-top:0}
.note p:last-child,.choice p,.problem p:last-child{margin-bottom:0}
.note.warn,.note.changed{border-color:var(--warn);background:var(--warn-ground)}
.note.problem{border-color:var(--bad);background:var(--bad-ground)}
.move{display:grid;grid-template-columns:1fr auto 1fr;gap:.75rem;align-items:center;margin:1.25rem 0}
.side{align-self:stretch;border:1px solid var(--line);border-radius:8px;padding:.75rem 1rem;min-width:0}
.side.new{border:2px solid var(--link)}
.side .label,.side b,.side code{display:block}
.label,dt{color:var(--soft);font-size:.875rem}
.side b{font-size:1.125rem;line-height:1.35;overflow-wrap:anywhere}
.arrow{font-size:1.5rem;color:var(--soft)}
dl{display:grid;grid-template-columns:9rem 1fr;gap:.5rem 1rem;margin:.5rem 0;align-items:baseline}
dd{margin:0;min-width:0}
.text{white-space:pre-wrap}
.long{max-height:18rem;overflow:auto;border:1px solid var(--line);border-radius:8px;padding:.5rem .75rem}
ul.rows{list-style:none;margin:.5rem 0;padding:0;border:1px solid var(--line);border-radius:8px}
ul.rows li{display:grid;grid-template-columns:7rem 1fr;gap:0 1rem;padding:.5rem .75rem;border-top:1px solid var(--line)}
ul.rows li:first-child{border-top:0}
ul.rows li>div{min-width:0;overflow-wrap:anywhere}
.is{font-weight:600;white-space:nowrap}
.good{color:var(--good)}.bad{color:var(--bad)}.open{color:var(--warn)}
form h2{margin-top:0}
form{margin:2rem 0 0;border-top:1px solid var(--line);padding-top:1.5rem}
fieldset{border:0;margin:0;padding:0;min-width:0}
legend{padding:0;font-size:1.125rem;font-weight:700}
.choices{display:grid;grid-template-columns:1fr 1fr;gap:.75rem;margin:.75rem 0}
.choice{display:flex;gap:.75rem;padding:.75rem 1rem;border:2px solid var(--line);border-radius:8px;cursor:pointer}
.choice:hover{border-color:currentColor}
.choice b{font-size:1.0625rem}
.choice span{color:var(--ink)}
.choice.good{background:var(--good-ground)}.choice.bad{background:var(--bad-ground)}
input[type=radio]{flex:none;width:1.25rem;height:1.25rem;margin:.2rem 0 0;accent-color:currentColor}
.field{margin:1rem 0}
.field label{display:block;margin-bottom:.25rem;font-weight:600}
input[type=text],textarea{display:block;width:100%;font:inherit;color:inherit;background:var(--sheet);border:1px solid var(--soft);border-radius:6px;padding:.5rem .75rem}
input[type=text]{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;max-width:20rem}
textarea{resize:vertical}
input[aria-invalid=true],textarea[aria-invalid=true]{border:2px solid var(--bad)}
.wrong{margin:.25rem 0;color:var(--bad);font-weight:600}
button,a.button{display:inline-block;font:inherit;font-weight:600;padding:.625rem 1.5rem;border-radius:8px;border:2px solid var(--ink);background:var(--ink);color:var(--sheet);cursor:pointer;text-decoration:none}
button:hover,a.button:hover{opacity:.88}
button.bad{background:var(--sheet);border-color:var(--bad);color:var(--bad)}
.code{margin-top:1.5rem;color:var(--soft);font-size:.8125rem}
.skip{position:absolute;left:-100vw}
.skip:focus{position:static;display:inline-block;margin-bottom:.5rem}
@media (max-width:36rem){.page{padding:.5rem}main{padding:1rem;border-radius:8px}h1{font-size:1.375rem}
.move{grid-template-columns:1fr}.arrow{justify-self:center;transform:rotate(90deg);line-height:1}
dl,ul.rows li{grid-template-columns:1fr;gap:0 1rem}dd{margin-bottom:.5rem}.choices{grid-template-columns:1fr}button,a.button{width:100%;text-align:center}input[type=text]{max-width:none}}
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

export interface Heading {
  /** One or two words above the title. */
  kicker: string;
  title: string;
  /** What it is about, e.g. the id of the request. */
  about?: string;
}

export function page(status: number, { kicker, title, about }: Heading, body: Html, extra: Partial<HttpAnswer> = {}): HttpAnswer {
  // The style is our own constant; its hash in the policy must match it to the byte.
  const style = `<style>${STYLE}</style>`;
  const head = `<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">${style}`;
  const rest = html`<title>${title} · Greenlight</title></head><body><div class="page"><header class="bar"><b>Greenlight</b><span>${about ?? ''}</span></header>
<main><p class="kicker">${kicker}</p><h1>${title}</h1>${body}</main></div></body></html>`;
  const { headers, ...others } = extra;
  return {
    status,
    contentType: 'text/html; charset=utf-8',
    body: `<!doctype html><html lang="en"><head>${head}${rest.markup}`,
    headers: { ...HEADERS, ...headers },
    ...others,
  };
}

/** A way on, as large as a button. */
export function linkTo(address: string, words: string): Html {
  return html`<p><a href="${address}" class="button">${words}</a></p>`;
}

/** Where signing in begins. The way back leads to the link's page, with its token: only our own sign-in sees it, and it keeps it on the server. */
export function signInAddress(token: string): string {
  return `/v1/login?return=${encodeURIComponent(`/v1/approvals/link?t=${token}`)}`;
}

/** Text of somebody else, attacker-controlled: in its own direction, so that it cannot reorder ours, and with what hides in it made visible. */
export function foreign(text: string): Html {
  return html`<bdi dir="auto">${withHiddenShown(text)}</bdi>`;
}

/** A person by name and address; a robot with the person who answers for it. */
export function personOf({ name, email, owner }: Pick<Actor, 'name' | 'email' | 'owner'>): Html {
  const behind = owner ? html` <span class="soft">for ${foreign(owner.email)}</span>` : html``;
  return name ? html`${foreign(name)} <span class="soft">(${foreign(email)})</span>${behind}` : html`${foreign(email)}${behind}`;
}

/** A digest with its last six characters, which people compare and type, standing out. */
export function digestOf(digest: string): Html {
  return html`<code>${digest.slice(0, -6)}<strong>${digest.slice(-6)}</strong></code>`;
}

/** An ISO time as people read it, to the minute. */
export function timeOf(iso: string): Html {
  const date = new Date(iso).toUTCString();
  return html`<time datetime="${iso}">${date.slice(5, 16)}, ${date.slice(17, 22)} UTC</time>`;
}

/** Lines of a description list. */
export function listOf(rows: readonly (readonly [string, Html | string])[]): Html {
  return html`<dl>${rows.map(([term, text]) => html`<dt>${term}</dt><dd>${text}</dd>`)}</dl>`;
}

/** What people read above the reason of a refusal. */
const TITLES: Readonly<Record<string, string>> = {
  BAD_LINK: 'This link does not work',
  LINK_EXPIRED: 'This link has expired',
  LINK_USED: 'This link decides nothing any more',
  PLAN_CHANGED: 'The plan has changed since this mail',
  CSRF: 'Please open the link again',
  WRONG_APPROVER: 'This link is not yours',
  SELF_APPROVAL: 'You cannot decide on your own request',
  NOT_AN_APPROVER: 'This is not yours to decide',
  ALREADY_DECIDED: 'You have decided already',
  TOO_MANY_REQUESTS: 'Please wait a moment',
};

/** A link that does nothing any more, or an answer that cannot be taken. `more` is what else is known about it. */
export function refusalPage(
  status: number,
  refusal: { code: string; message: string; hint: string | undefined },
  more: Html,
  extra: Partial<HttpAnswer> = {},
): HttpAnswer {
  const { code, message, hint } = refusal;
  const body = html`<p class="lead">${sentence(message)}</p>${hint ? [html`<p>${sentence(hint)}</p>`] : []}${more}<p class="code">${code}</p>`;
  return page(status, { kicker: 'Not possible', title: TITLES[code] ?? 'This cannot be done' }, body, extra);
}

/** Problems are worded as parts of a line; a page shows sentences. */
export function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}
