/** The API as curl uses it, and an approver who opens the mail: no code of the product. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Endpoints } from './started.ts';

export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what the API answers is what the tests check
  body: any;
}

export async function call(endpoints: Endpoints, token: string, method: string, path: string, body?: unknown): Promise<Answer> {
  const answer = await fetch(`${endpoints.api}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) };
}

export function requestBody(name: string, version: string): object {
  return {
    target: { type: 'api', name, version },
    request: {
      justification: 'Promoted from outside by real clients',
      releaseNotes: 'What real clients see',
      impactAssessment: 'low',
      rollbackPlan: 'Promote the version before',
    },
    preChecks: {
      stagingTestsPassed: true,
      securityScanPassed: true,
      performanceTestsPassed: true,
      testEvidenceUrl: 'https://ci.example.com/1',
    },
  };
}

/** Waits until the request has reached one of the phases; fails with the whole status when it ends in another. */
export async function phase(endpoints: Endpoints, token: string, path: string, ...wanted: string[]): Promise<Answer['body']> {
  const final = ['blocked', 'succeeded', 'failed', 'rolled_back', 'rejected', 'expired', 'cancelled', 'superseded'];
  for (let left = 1_200; left > 0; left--) {
    const { body } = await call(endpoints, token, 'GET', path);
    if (wanted.includes(body.status.phase)) return body;
    if (final.includes(body.status.phase)) throw new Error(`${path} is ${body.status.phase}: ${JSON.stringify(body.status, null, 1)}`);
    await sleep(250);
  }
  throw new Error(`${path} did not become ${wanted.join(' or ')}`);
}

interface Mail {
  to: string[];
  subject: string;
  text: string;
}

/** Address of the link that somebody was mailed for a request. */
export async function mailedLink(endpoints: Endpoints, address: string, id: string): Promise<string> {
  for (let left = 1_800; left > 0; left--) {
    const mails = (await (await fetch(`${endpoints.mail}/inbox`)).json()) as Mail[];
    for (const { to, subject, text } of mails.reverse()) {
      const link = /https?:\/\/\S+\/v1\/approvals\/link\?t=\S+/.exec(text)?.[0];
      if (link && to.includes(address) && `${subject}${text}`.includes(id)) return link;
    }
    await sleep(100);
  }
  throw new Error(`${address} was not mailed a link for ${id}`);
}

/** Opens the page, types what it asks for, and sends its form. `token` is needed where the approver has to be signed in. */
export async function approveByLink(endpoints: Endpoints, link: string, token?: string): Promise<number> {
  const page = await fetch(link);
  const markup = await page.text();
  const field = (name: string) => new RegExp(`name="${name}" value="([^"]*)"`).exec(markup)![1]!.replaceAll('&amp;', '&');
  const confirm = /Type <code>([^<]+)<\/code>/.exec(markup)![1]!;
  const cookie = page.headers.getSetCookie().map((each) => each.split(';')[0]);
  const answer = await fetch(`${endpoints.api}/v1/approvals/link`, {
    method: 'POST',
    redirect: 'manual',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      origin: endpoints.api,
      cookie: cookie.join('; '),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: new URLSearchParams({ t: field('t'), csrf: field('csrf'), decision: 'approve', confirm, comment: '' }).toString(),
  });
  return answer.status;
}
