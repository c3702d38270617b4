import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { egress } from '../../../adapters/egress.ts';
import { respondToClick, sendToSlack } from '../../../adapters/notification/slack.ts';
import { slackMembers } from '../../../adapters/notification/slack-members.ts';

let server: Server;
let origin: string;
/** A second one, which nobody allows. */
let evil: Server;
let evilOrigin: string;
let answer: { status: number; body: string } | 'silence';
const got: { method: string; url: string; authorization: string | undefined; body: string }[] = [];
let evilGot = 0;

const listen = async (own: Server) => {
  await new Promise<void>((resolve) => own.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(own.address() as AddressInfo).port}`;
};
const bodyOf = async (request: IncomingMessage) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  return body;
};

beforeAll(async () => {
  server = createServer(async (request, response) => {
    const { method = '', url = '', headers } = request;
    got.push({ method, url, authorization: headers.authorization, body: await bodyOf(request) });
    if (answer !== 'silence') response.writeHead(answer.status).end(answer.body);
  });
  evil = createServer((_request, response) => {
    evilGot++;
    response.end('ok');
  });
  origin = await listen(server);
  evilOrigin = await listen(evil);
  vi.stubEnv('ALLOWED_ORIGINS', origin);
});
afterAll(() => {
  for (const each of [server, evil]) {
    each.closeAllConnections();
    each.close();
  }
  vi.unstubAllEnvs();
});
beforeEach(() => {
  vi.restoreAllMocks();
  got.length = 0;
  answer = { status: 200, body: 'ok' };
});

const message = { text: 'x', blocks: [] };

describe('a message', () => {
  it('goes to the webhook', async () => {
    await sendToSlack(`${origin}/services/T/B/secret`, message);
    expect(got).toEqual([{ method: 'POST', url: '/services/T/B/secret', authorization: undefined, body: JSON.stringify(message) }]);
  });

  it.each([
    [500, 'UNAVAILABLE'],
    [429, 'UNAVAILABLE'],
    [404, 'EGRESS_REFUSED'],
    [302, 'EGRESS_REFUSED'],
  ])('answered %i is the fault %s, which does not name the webhook', async (status, code) => {
    answer = { status, body: 'no_service' };
    const error = await sendToSlack(`${origin}/services/T/B/secret`, message).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code });
    expect(String(error)).not.toContain('secret');
  });
});

describe('the answer to a click', () => {
  const response = { replace_original: false, response_type: 'ephemeral', text: 'x' } as const;

  it('goes where Slack said, if whoever deploys allows it', async () => {
    await respondToClick(`${origin}/actions/T/1/x`, response);
    expect(got).toEqual([expect.objectContaining({ method: 'POST', url: '/actions/T/1/x', body: JSON.stringify(response) })]);
  });

  it('SLK-07: goes to no other place', async () => {
    const { host } = new URL(origin);
    const evilHost = new URL(evilOrigin).host;
    for (const url of [
      evilOrigin,
      `${evilOrigin}/actions/x`,
      `http://${host}@${evilHost}/`,
      `http://hooks.slack.com@${evilHost}/`,
      `http://${evilHost}#@${host}`,
      `http://${evilHost}\\@${host}/`,
      `https://${evilHost}/`,
      'https://evil/',
      'https://evil.example.com/',
      'http://hooks.slack.com/actions/x',
      'https://hooks.slack.com:8443/actions/x',
      'https://hooks.slack.com./actions/x',
      'https://hooks.slack.com.evil.example.com/',
      'https://xhooks.slack.com/',
      'https://slack.com/',
      'http://169.254.169.254/',
      'https://169.254.169.254/',
      'http://localhost:9001/2018-06-01/runtime/invocation/next',
      'file:///etc/passwd',
      'javascript:alert(1)',
      '//hooks.slack.com/',
      'hooks.slack.com',
      '',
    ]) {
      await expect(respondToClick(url, response), url).rejects.toMatchObject({ code: 'EGRESS_REFUSED' });
    }
    expect([got.length, evilGot]).toEqual([0, 0]);
  });

  it('follows no redirect', async () => {
    answer = { status: 307, body: '' };
    await expect(respondToClick(`${origin}/x`, response)).rejects.toMatchObject({ code: 'EGRESS_REFUSED' });
    expect(got).toHaveLength(1);
  });

  it('SLK-08: is given up before Slack gives up the click', async () => {
    answer = 'silence';
    const request = vi.spyOn(egress, 'request');
    await expect(respondToClick(`${origin}/x`, response)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(request.mock.lastCall![0].deadlineMs).toBeLessThan(2_500);
  });
});

describe('a member of the workspace', () => {
  const says = (body: unknown, status = 200) => {
    answer = { status, body: typeof body === 'string' ? body : JSON.stringify(body) };
  };
  const user = { id: 'U1', team_id: 'T1' };
  const find = (userId = 'U1') => slackMembers(origin).find('xoxb-1', userId);

  it('is asked for with the bot token', async () => {
    says({ ok: true, user });
    expect(await find()).toEqual({ teamId: 'T1', isRestricted: false });
    expect(got).toEqual([expect.objectContaining({ method: 'GET', url: '/api/users.info?user=U1', authorization: 'Bearer xoxb-1' })]);
  });

  it.each(['deleted', 'is_bot', 'is_workflow_bot', 'is_restricted', 'is_ultra_restricted', 'is_stranger'])(
    'that is marked as %s is restricted',
    async (mark) => {
      says({ ok: true, user: { ...user, [mark]: true } });
      expect(await find()).toEqual({ teamId: 'T1', isRestricted: true });
      says({ ok: true, user: { ...user, [mark]: false, team_id: undefined } });
      expect(await find()).toEqual({ teamId: undefined, isRestricted: false });
    },
  );

  it('whom Slack does not know is nobody', async () => {
    for (const error of ['user_not_found', 'user_not_visible']) {
      says({ ok: false, error });
      expect(await find()).toBeUndefined();
    }
  });

  it.each<[string, unknown, number]>([
    ['refuses the token', { ok: false, error: 'invalid_auth' }, 200],
    ['says something else', { ok: false, error: '<script>' }, 200],
    ['says nothing of the person', { ok: true }, 200],
    ['speaks of somebody else', { ok: true, user: { id: 'U2', team_id: 'T1' } }, 200],
    ['does not speak JSON', 'busy', 200],
    ['answers null', 'null', 200],
    ['is overloaded', { ok: true, user }, 429],
    ['fails', { ok: true, user }, 500],
  ])('is not guessed when Slack %s', async (_what, body, status) => {
    says(body, status);
    const error = await find().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'UNAVAILABLE' });
    expect(String(error)).not.toMatch(/xoxb|script/);
  });

  it('is not guessed when Slack falls silent, and Slack gets its answer all the same', async () => {
    answer = 'silence';
    const request = vi.spyOn(egress, 'request');
    await expect(find()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(request.mock.lastCall![0].deadlineMs).toBeLessThan(2_000);
  });

  it('is remembered for a minute, and a failure is not', async () => {
    const members = slackMembers(origin);
    const clock = vi.spyOn(performance, 'now').mockReturnValue(0);
    try {
      says('busy');
      await expect(members.find('xoxb-1', 'U1')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      says({ ok: false, error: 'user_not_found' });
      expect(await members.find('xoxb-1', 'U1')).toBeUndefined();
      says({ ok: true, user });
      for (const now of [0, 59_999]) {
        clock.mockReturnValue(now);
        expect(await members.find('xoxb-1', 'U1')).toMatchObject({ isRestricted: false });
      }
      expect(got).toHaveLength(3);
      says({ ok: true, user: { ...user, deleted: true } });
      clock.mockReturnValue(60_000);
      expect(await members.find('xoxb-1', 'U1')).toMatchObject({ isRestricted: true });
      expect(got).toHaveLength(4);
      // However many click, memory stays small.
      for (let count = 0; count < 1_001; count++) {
        says({ ok: true, user: { ...user, id: `U${count}` } });
        await members.find('xoxb-1', `U${count}`);
      }
      const asked = got.length;
      await members.find('xoxb-1', 'U1000');
      expect(got).toHaveLength(asked);
    } finally {
      clock.mockRestore();
    }
  });
});
