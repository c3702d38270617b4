/** An approver who opens the mail, reads the page behind its link, types the confirmation and sends the form. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { DemoApi } from './demo-api.ts';

interface Mail {
  to: string[];
  subject: string;
  text: string;
}

const LIMIT_MS = 30_000;

/** Approves by the link that `address` was mailed for the request. `approver` is the same person, signed in: production demands it. */
export async function approveByMail(inbox: string, address: string, requestId: string, approver: DemoApi): Promise<string> {
  const link = await linkFor(inbox, address, requestId);
  const page = await fetch(link, { headers: { accept: 'text/html' } });
  const markup = await page.text();
  if (page.status !== 200) throw new Error(`the link answered ${page.status}`);
  const field = (name: string): string => find(markup, new RegExp(`name="${name}" value="([^"]+)"`), name);
  const confirm = find(markup, /Type <code>([^<]+)<\/code>/, 'what to type');
  const cookie = page.headers
    .getSetCookie()
    .map((each) => each.split(';')[0])
    .join('; ');
  const form = new URLSearchParams({ t: field('t'), csrf: field('csrf'), decision: 'approve', confirm, comment: 'approved in the demo' });
  const answer = await fetch(new URL('/v1/approvals/link', link), {
    method: 'POST',
    redirect: 'manual',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      accept: 'text/html',
      origin: approver.origin,
      cookie,
      authorization: `Bearer ${approver.token}`,
    },
    body: form.toString(),
  });
  if (answer.status !== 200)
    throw new Error(`the form of ${address} was answered ${answer.status}: ${(await answer.text()).slice(0, 500)}`);
  return confirm;
}

/** The mail may take a moment. */
async function linkFor(inbox: string, address: string, requestId: string): Promise<string> {
  for (const end = performance.now() + LIMIT_MS; performance.now() < end; await sleep(200)) {
    const mails = (await (await fetch(new URL('/inbox', inbox))).json()) as Mail[];
    for (const { to, subject, text } of mails.reverse()) {
      const link = /https?:\/\/\S+\/v1\/approvals\/link\?t=\S+/.exec(text)?.[0];
      if (link && to.includes(address) && subject.includes(requestId)) return link;
    }
  }
  throw new Error(`${address} got no mail with a link for ${requestId}`);
}

function find(markup: string, pattern: RegExp, what: string): string {
  const found = pattern.exec(markup)?.[1];
  if (found === undefined) throw new Error(`the page does not show ${what}`);
  return found.replaceAll('&amp;', '&').replaceAll('&quot;', '"').replaceAll('&#39;', "'");
}
