/** Who a member of the Slack workspace is, by `users.info`. Asked only where a bot token is configured. */
import type { SlackMember, SlackMembers } from '../../core/approval/slack-click.ts';
import { Fault } from '../../core/errors.ts';
import { egress } from '../egress.ts';

/** A guest that was made, or a member that was removed, counts after a minute at the latest. */
const LIFETIME_MS = 60_000;
/** The answer comes before the decision, and Slack waits 3 s for both. */
const DEADLINE_MS = 1_000;
/** More people than click within a minute. */
const MOST_KNOWN = 1_000;

interface UserInfo {
  ok?: boolean;
  error?: string;
  user?: {
    id?: string;
    team_id?: string;
    deleted?: boolean;
    is_bot?: boolean;
    is_workflow_bot?: boolean;
    is_restricted?: boolean;
    is_ultra_restricted?: boolean;
    is_stranger?: boolean;
  };
}

/** `api` is Slack's origin. What cannot be asked is the fault UNAVAILABLE: nobody acts on an answer that did not come. */
export function slackMembers(api = 'https://slack.com'): SlackMembers {
  const known = new Map<string, { member: SlackMember; until: number }>();
  return {
    async find(botToken, userId) {
      const now = performance.now();
      const cached = known.get(userId);
      if (cached && cached.until > now) return cached.member;
      const member = await ask(api, botToken, userId);
      if (known.size >= MOST_KNOWN) known.clear();
      if (member) known.set(userId, { member, until: now + LIFETIME_MS });
      return member;
    },
  };
}

async function ask(api: string, botToken: string, userId: string): Promise<SlackMember | undefined> {
  const url = `${api}/api/users.info?user=${encodeURIComponent(userId)}`;
  const answer = await egress.request({ url, headers: { authorization: `Bearer ${botToken}` }, deadlineMs: DEADLINE_MS });
  const info = answer.status === 200 ? parse(answer.body) : undefined;
  if (info?.error === 'user_not_found' || info?.error === 'user_not_visible') return undefined;
  const user = info?.ok === true ? info.user : undefined;
  // The error is one of Slack's words, such as `invalid_auth`: an operator needs it, and it holds no secret.
  if (user?.id !== userId) throw new Fault('UNAVAILABLE', `Slack does not say who the member is (${wordOf(info?.error) ?? answer.status})`);
  const { deleted, is_bot, is_workflow_bot, is_restricted, is_ultra_restricted, is_stranger } = user;
  // What Slack leaves out is false, but for who is not a member at all.
  const isRestricted = [deleted, is_bot, is_workflow_bot, is_restricted, is_ultra_restricted, is_stranger].some((mark) => mark === true);
  return { teamId: typeof user.team_id === 'string' ? user.team_id : undefined, isRestricted };
}

function parse(body: Buffer): UserInfo | undefined {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return value !== null && typeof value === 'object' ? (value as UserInfo) : undefined;
  } catch {
    return undefined;
  }
}

function wordOf(text: unknown): string | undefined {
  return typeof text === 'string' && /^[a-z_]{1,40}$/.test(text) ? text : undefined;
}
