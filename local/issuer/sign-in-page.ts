/** The sign-in page: plain HTML without script, one button per person and one password field. */
import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { IssuerPerson } from './people.ts';

const STYLE =
  'body{font:16px system-ui,sans-serif;max-width:32rem;margin:3rem auto;padding:0 1rem}button{display:block;width:100%;margin:.4rem 0;padding:.6rem;text-align:left;font:inherit}input{font:inherit;padding:.4rem;width:100%;box-sizing:border-box}.error{color:#a00}';
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

export interface SignInPage {
  people: readonly IssuerPerson[];
  /** The authorization request, carried through the form. All values are attacker-controlled. */
  parameters: Readonly<Record<string, string>>;
  passwordFile: string;
  error?: string;
}

export function sendSignInPage(response: ServerResponse, status: number, page: SignInPage, redirectOrigin: string): void {
  const hidden = Object.entries(page.parameters).map(
    ([name, value]) => `<input type="hidden" name="${escapeHtml(name)}" value="${escapeHtml(value)}">`,
  );
  const buttons = page.people.map(
    ({ subject, name, email }) =>
      `<button name="subject" value="${escapeHtml(subject)}">${escapeHtml(name)} &lt;${escapeHtml(email)}&gt;</button>`,
  );
  const body = `${page.error ? `<p class="error" role="alert">${escapeHtml(page.error)}</p>` : ''}
<form method="post" action="/authorize">
${hidden.join('\n')}
<p><label>Password <input type="password" name="password" autocomplete="current-password" required autofocus></label></p>
<p>The password of everyone is in <code>${escapeHtml(page.passwordFile)}</code>.</p>
${buttons.join('\n')}
</form>`;
  // Browsers apply form-action to the redirect after the form too.
  sendHtml(response, status, 'Sign in', body, `'self' ${redirectOrigin}`);
}

/** A page that ends the matter, e.g. a refused request that may not be redirected. */
export function sendMessagePage(response: ServerResponse, status: number, title: string, text: string): void {
  sendHtml(response, status, title, `<p>${escapeHtml(text)}</p>`, "'none'");
}

function sendHtml(response: ServerResponse, status: number, title: string, body: string, formAction: string): void {
  const page = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title><meta name="viewport" content="width=device-width"><style>${STYLE}</style></head>
<body><h1>${escapeHtml(title)}</h1>
${body}
</body></html>
`;
  response
    .writeHead(status, {
      'content-type': 'text/html; charset=utf-8',
      'content-length': Buffer.byteLength(page),
      'content-security-policy': `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; form-action ${formAction}; frame-ancestors 'none'; base-uri 'none'`,
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    })
    .end(page);
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
