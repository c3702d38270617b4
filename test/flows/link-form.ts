/** An approver who opens the mailed link, reads the page and sends its form. */
import type { Answer, FlowCloud } from './cloud.ts';

export interface LinkForm {
  /** Fields of the form as the page holds them, without what a person chooses and types. */
  t: string;
  csrf: string;
  /** What the page asks to type. */
  confirm: string;
  cookie: string;
  page: Response;
  markup: string;
}

export async function openLink(link: string): Promise<LinkForm> {
  const page = await fetch(link, { headers: { accept: 'text/html' } });
  const markup = await page.text();
  const find = (pattern: RegExp): string => {
    const found = pattern.exec(markup)?.[1];
    if (found === undefined) throw new Error(`the page (${page.status}) does not show ${pattern}: ${markup.slice(0, 2_000)}`);
    return found.replaceAll('&amp;', '&').replaceAll('&quot;', '"').replaceAll('&#39;', "'");
  };
  const cookies = page.headers.getSetCookie().map((each) => each.split(';')[0]);
  return {
    t: find(/name="t" value="([^"]+)"/),
    csrf: find(/name="csrf" value="([^"]+)"/),
    confirm: find(/Type <code>([^<]+)<\/code>/),
    cookie: cookies.join('; '),
    page,
    markup,
  };
}

export interface SendOptions {
  as?: string;
  decision?: string;
  comment?: string;
  /** Fields that replace or, when undefined, remove the form's. */
  fields?: Record<string, string | undefined>;
  headers?: Record<string, string>;
  /** Headers that are not sent. */
  without?: string[];
  /** Where it is sent to, if not to where decisions go. */
  path?: string;
}

/** Sends the form; by default what an approver sends who agrees. Problems are answered as JSON. */
export function sendLink(cloud: Pick<FlowCloud, 'api' | 'endpoints'>, form: LinkForm, options: SendOptions = {}): Promise<Answer> {
  const { as, decision = 'approve', comment = '', fields = {}, headers = {}, without = [], path = '/v1/approvals/link' } = options;
  const all = { t: form.t, csrf: form.csrf, confirm: form.confirm, decision, comment, ...fields };
  const given = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const sent: Record<string, string> = {
    'content-type': 'application/x-www-form-urlencoded',
    origin: cloud.endpoints.api,
    cookie: form.cookie,
    accept: 'application/json',
    ...headers,
  };
  for (const name of without) delete sent[name];
  return cloud.api('POST', path, {
    ...(as !== undefined && { as }),
    body: new URLSearchParams(given).toString(),
    headers: sent,
  });
}
