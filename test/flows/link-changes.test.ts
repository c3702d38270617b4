/** What becomes of mailed links while the world around them changes: people, keys, guessers, and mail that does not arrive. */
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Assembly, CAREFUL_PROD, changeTemplate, synthesize, type Template } from './assembly.ts';
import { FlowCloud } from './cloud.ts';
import { openLink, sendLink } from './link-form.ts';
import { approve, expectProblem, idOf, pending, push, reach, request, standing, toStaging } from './requests.ts';

/** An artifact without a workload: copied and tagged, no rollout. */
const name = 'ledger';
const VERSION = '1.0.0';
/** SES answers for mail to this address that it does not exist. */
const DEAD = 'bounce+qa@simulator.amazonses.com';

/** Lee leads another team by now, and who took over has an address that does not take mail. */
const MOVED = (yaml: string) => {
  const moved = CAREFUL_PROD(yaml)
    .replace(/(subject: lead,.*teams: )\[platform-leads\]/, '$1[qa]')
    .replace(/(subject: qa,) email: [^,]+,(.*teams: )\[qa\]/, `$1 email: ${DEAD},$2[platform-leads]`);
  expect(moved).toMatch(/subject: lead,.*teams: \[qa\]/);
  expect(moved).toMatch(/subject: qa, email: bounce\+qa@.*teams: \[platform-leads\]/);
  return moved;
};

let cloud: FlowCloud;
let whole: Assembly;
const changed: { dispose(): void }[] = [];
beforeAll(async () => {
  whole = await synthesize(CAREFUL_PROD);
  cloud = await FlowCloud.start(whole);
  await push(cloud, VERSION, 'true', { name });
  await toStaging(cloud, VERSION, name);
});
afterAll(async () => {
  await cloud?.stop();
  for (const assembly of changed) assembly.dispose();
});

const explained = async (path: string) => (await cloud.api('GET', `${path}/explain`, { as: 'dev' })).body;
const asked = () => pending(cloud, 'prod', VERSION, { name });

describe('LINK-18 a flood of guesses', () => {
  const minuteOf = (at: Date): number => Math.floor(at.getTime() / 60_000);

  /** Asks from another address of this machine, as another client would. */
  const guess = (localAddress: string, token: string): Promise<{ status: number; retryAfter: string | undefined }> =>
    new Promise((resolve, reject) => {
      const url = new URL(`${cloud.endpoints.api}/v1/approvals/link?t=${token}`);
      httpRequest(url, { localAddress }, (answer) => {
        answer.resume();
        answer.on('end', () => resolve({ status: answer.statusCode!, retryAfter: answer.headers['retry-after'] }));
      })
        .on('error', reject)
        .end();
    });

  it('is told to wait, reads nothing, and hinders nobody who has a link', async () => {
    const path = await asked();
    const link = await cloud.link('lead', idOf(path));
    const form = await openLink(link);
    const before = await standing(cloud, path);
    const since = (await cloud.calls()).length;
    const began = await cloud.now();
    const answers: Awaited<ReturnType<typeof guess>>[] = [];
    const limited = () => answers.filter(({ status }) => status === 429);
    const random = () =>
      Array.from({ length: 300 }, () => 'abcdefghijklmnopqrstuvwxyz0123456789-_'[Math.floor(Math.random() * 38)]).join('');
    // A minute of the cloud is 12 s: where 400 guesses take longer than some of those, more are made.
    for (let round = 0; round < 20 || (limited().length <= 100 && round < 200); round++) {
      answers.push(...(await Promise.all(Array.from({ length: 20 }, () => guess('127.0.0.2', `${random()}.${random().slice(0, 43)}`)))));
    }
    expect([...new Set(answers.map(({ status }) => status))].sort()).toEqual([401, 429]);
    // 60 are let through in a minute of the cloud.
    const minutes = minuteOf(await cloud.now()) - minuteOf(began) + 1;
    expect(limited().length).toBeGreaterThan(100);
    expect(answers.length - limited().length).toBeLessThanOrEqual(60 * minutes);
    for (const { retryAfter } of limited()) expect(Number(retryAfter)).toBeGreaterThan(0);
    const calls = (await cloud.calls())
      .slice(since)
      .filter(({ function: name, service }) => /decide/i.test(String(name)) && service !== 'lambda');
    // Each failure is counted; once a minute the limit is reported, in one transaction.
    const operations = calls.map(({ service, operation }) => `${service} ${operation}`);
    expect([...new Set(operations)].sort()).toEqual(['dynamodb TransactWriteItems', 'dynamodb UpdateItem']);
    expect(operations.filter((operation) => operation.includes('Transact')).length).toBeLessThanOrEqual(minutes);
    await cloud.until('the alert', async () =>
      (await cloud.mails()).find(({ to, subject }) => to.includes('admin@example.com') && subject.includes('guessing')),
    );

    // The same page, form and person, from the address of the flood and from another one.
    expect((await guess('127.0.0.2', form.t)).status).toBe(200);
    expect((await fetch(link)).status).toBe(200);
    expectProblem(await sendLink(cloud, form, { as: 'lead', fields: { confirm: '' } }), 400, 'CONFIRMATION_REQUIRED');
    expect(await standing(cloud, path)).toEqual(before);
    expect((await sendLink(cloud, form, { as: 'lead' })).status).toBe(200);
  });
});

describe('LINK-19 text that looks like a header', () => {
  it('stays in the body of a mail to one person', async () => {
    const justification = 'We need this\r\nBcc: all@example.com\r\nSubject: another\n\n"a" <b@c.example>';
    const path = await pending(cloud, 'prod', VERSION, { name, justification });
    await Promise.all(['lead', 'security'].map((person) => cloud.link(person, idOf(path))));
    const mails = (await cloud.mails()).filter(({ subject }) => subject.includes(idOf(path)));
    for (const { to, subject, raw, text } of mails) {
      expect(to).toHaveLength(1);
      expect(subject).toMatch(/^\[PR-[0-9-]+\] [^\r\n]+$/);
      const [head] = raw.split(/\r?\n\r?\n/);
      const headers = head!.split(/\r?\n(?![ \t])/).map((line) => line.split(':')[0]!.toLowerCase());
      expect(headers).not.toContain('bcc');
      expect(headers.filter((header) => header === 'subject' || header === 'to').sort()).toEqual(['subject', 'to']);
      if (text.includes('Why:')) expect(text).toContain('Bcc: all@example.com');
    }
    const refused = await cloud.api('POST', '/v1/requests/prod', {
      as: 'dev',
      body: { target: { type: 'api', name, version: 'v1\r\nBcc: all@example.com' } },
    });
    expect(refused.status).toBe(400);
  });
});

describe('LINK-20 mail that does not go out', () => {
  it('is said by explain, tried again until it goes, and keeps nobody from deciding', async () => {
    await push(cloud, '1.1.0', 'true', { name });
    await cloud.fault({ service: 'ses', operation: 'SendEmail', status: 400, error: 'Throttling' });
    try {
      const path = await request(cloud, 'staging', '1.1.0', { name });
      await reach(cloud, path, 'pending_approval');
      await cloud.until('the failure', async () => ((await explained(path)).notification === 'failed' ? true : undefined));
      await approve(cloud, path, 'cpi');
      await reach(cloud, path, 'succeeded');
      // The alarm of the function rings by its failures; the log says which mail and why.
      const second = await asked();
      await cloud.until('the failure', async () => ((await explained(second)).notification === 'failed' ? true : undefined));
      await cloud.clearFaults();
      await cloud.advance('PT2M');
      expect((await sendLink(cloud, await openLink(await cloud.link('lead', idOf(second))), { as: 'lead' })).status).toBe(200);
      expect((await explained(second)).notification).toBeUndefined();
    } finally {
      await cloud.clearFaults();
    }
  });
});

describe('LINK-10 LINK-20 when the people change', () => {
  it('a link of somebody who has left the team is worth nothing, and mail that bounces is told to those who can act', async () => {
    const path = await asked();
    const form = await openLink(await cloud.link('lead', idOf(path)));
    const before = await standing(cloud, path);
    await cloud.restart(await synthesize(MOVED));
    expectProblem(await sendLink(cloud, form, { as: 'lead' }), 403, 'NOT_AN_APPROVER');
    expectProblem(await cloud.api('GET', `/v1/approvals/link?t=${form.t}`), 403, 'NOT_AN_APPROVER');
    expect(((await standing(cloud, path)) as { version: number }).version).toBe((before as { version: number }).version);

    const bounced = await asked();
    await cloud.until('the failure', async () => ((await explained(bounced)).notification === 'failed' ? true : undefined));
    for (const to of ['security', 'admin', 'dev']) {
      const mail = await cloud.until(`the news for ${to}`, async () =>
        (await cloud.mails()).find(
          (each) => each.to.includes(`${to}@example.com`) && each.subject.startsWith(`[${idOf(bounced)}] A mail did not arrive`),
        ),
      );
      expect(mail.text).toContain(`mail to ${DEAD} did not arrive`);
    }
    // One mail that came back makes one notice, although the news of it goes to the same dead address.
    await cloud.advance('PT3M');
    const news = (await cloud.mails()).filter(
      ({ to, subject }) => to.includes('security@example.com') && subject.startsWith(`[${idOf(bounced)}] A mail did not arrive`),
    );
    expect(news).toHaveLength(1);
    // Whom no mail reaches decides all the same.
    await approve(cloud, bounced, 'security');
    expect((await explained(bounced)).notification).toBe('failed');
    await cloud.restart(whole);
  });
});

describe('LINK-21 when the key of links is rotated', () => {
  /** The control plane with other keys of links; `keys` is what was there. */
  function withKeys(change: (keys: unknown) => { keys: unknown; present: string }): Assembly {
    const assembly = changeTemplate(whole, (template) => {
      const functions = Object.values(template.Resources).filter(
        ({ Type, Properties }) => Type === 'AWS::Lambda::Function' && Properties.Environment?.Variables.LINK_KEYS,
      );
      expect(functions).toHaveLength(2);
      for (const { Properties } of functions as Template['Resources'][string][]) {
        const { Variables } = Properties.Environment;
        const { keys, present } = change(Variables.LINK_KEYS);
        Variables.LINK_KEYS = keys;
        if (Variables.LINK_KEY_ID !== undefined) Variables.LINK_KEY_ID = present;
      }
    });
    changed.push(assembly);
    return assembly;
  }
  /** Text of the map, as the template joins it around the ARN of the key. */
  const renamed = (keys: unknown, from: string, to: string) => JSON.parse(JSON.stringify(keys).replaceAll(`\\"${from}\\"`, `\\"${to}\\"`));

  it('mails that are out stay valid under their kid, and say what to do when it is gone; never 500', async () => {
    const path = await asked();
    const link = await cloud.link('lead', idOf(path));
    const both = withKeys((keys) => {
      const [head, arn, tail] = (keys as { 'Fn::Join': [string, unknown[]] })['Fn::Join'][1];
      return { keys: { 'Fn::Join': ['', [head, arn, '","k2":"', arn, tail]] }, present: 'k2' };
    });
    await cloud.restart(both);
    const old = await openLink(link);
    const other = await asked();
    const fresh = await openLink(await cloud.link('lead', idOf(other)));
    const kid = (t: string) => JSON.parse(Buffer.from(t.split('.')[0]!, 'base64url').toString()).k;
    expect([kid(old.t), kid(fresh.t)]).toEqual(['k1', 'k2']);
    expect((await sendLink(cloud, old, { as: 'lead' })).status).toBe(200);

    await cloud.restart(withKeys((keys) => ({ keys: renamed(keys, 'k1', 'k2'), present: 'k2' })));
    const gone = await sendLink(cloud, old, { as: 'lead' });
    expectProblem(gone, 401, 'BAD_LINK');
    expect(gone.body.hint).toContain('open the newest mail about this request, or sign in');
    expectProblem(await cloud.api('GET', `/v1/approvals/link?t=${old.t}`), 401, 'BAD_LINK');
    const page = await fetch(link, { headers: { accept: 'text/html' } });
    expect([page.status, (await page.text()).includes('newest mail')]).toEqual([401, true]);
    expect((await sendLink(cloud, await openLink(`${cloud.endpoints.api}/v1/approvals/link?t=${fresh.t}`), { as: 'lead' })).status).toBe(
      200,
    );
  });
});
