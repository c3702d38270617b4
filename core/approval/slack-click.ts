/** What Slack says of a click on one of our buttons, and whether it came from our app, our workspace and a full member. */
import * as z from 'zod';
import type { PersonConfiguration, SlackConfiguration } from '../environment/configuration.ts';
import { Refusal } from '../errors.ts';

/** Buttons of our messages. `open` leads to the request page; Slack tells of it all the same. */
export const BUTTONS = ['approve', 'reject', 'open'] as const;
/** Block and element of the text field of our messages. */
export const REASON = 'reason';

const text = z.string().max(4_000);

/** Only what is used: Slack adds members as it likes. What we named ourselves must be as we named it. */
const payloadSchema = z.object({
  type: z.literal('block_actions'),
  api_app_id: z.string().max(50),
  team: z.object({ id: z.string().max(50) }).nullish(),
  user: z.object({ id: z.string().max(50), team_id: z.string().max(50).nullish() }),
  actions: z.tuple([z.object({ type: z.literal('button'), action_id: z.enum(BUTTONS), value: z.string().max(2_000).nullish() })]),
  state: z.object({ values: z.object({ [REASON]: z.object({ [REASON]: z.object({ value: text.nullish() }) }).optional() }) }).nullish(),
  response_url: z.string().max(2_000).nullish(),
});

export interface SlackClick {
  appId: string;
  teamId: string | undefined;
  userId: string;
  /** Workspace that the person belongs to: in a shared channel it may be another company's. */
  userTeamId: string | undefined;
  button: (typeof BUTTONS)[number];
  value: string;
  /** What stands in the text field of the message; undefined when nothing does. */
  reason: string | undefined;
  /** Where the message can be changed. From the payload, so not to be trusted. */
  responseUrl: string | undefined;
}

/** Reads a payload that Slack has signed. Refusal INVALID_REQUEST for anything but one click on one button of ours. */
export function clickOf(payload: unknown): SlackClick {
  const parsed = payloadSchema.safeParse(payload);
  if (!parsed.success) {
    throw new Refusal('INVALID_REQUEST', 'this is not a click on a button of ours', {
      hint: 'point the interactivity URL of the Slack app here, and nothing else: commands, shortcuts and events are not taken',
    });
  }
  const { api_app_id: appId, team, user, actions, state, response_url: responseUrl } = parsed.data;
  const reason = state?.values[REASON]?.[REASON].value ?? '';
  return {
    appId,
    teamId: team?.id,
    userId: user.id,
    userTeamId: user.team_id ?? undefined,
    button: actions[0].action_id,
    value: actions[0].value ?? '',
    reason: reason.trim() === '' ? undefined : reason,
    responseUrl: responseUrl ?? undefined,
  };
}

/** The click was made in the app and the workspace that the configuration names. */
export function isFromOurApp(click: Pick<SlackClick, 'appId' | 'teamId'>, slack: Pick<SlackConfiguration, 'appId' | 'teamIds'>): boolean {
  if (slack.appId !== undefined && slack.appId !== click.appId) return false;
  return click.teamId !== undefined && isOurTeam(click.teamId, slack);
}

function isOurTeam(teamId: string, slack: Pick<SlackConfiguration, 'teamIds'>): boolean {
  return slack.teamIds.length === 0 || slack.teamIds.includes(teamId);
}

/**
 * The person whose click it is: by the member id that the configuration maps, and only for a member of our own workspace. Refusal
 * UNKNOWN_SLACK_USER, the same for everybody else.
 */
export function personOfClick(
  click: Pick<SlackClick, 'userId' | 'teamId' | 'userTeamId'>,
  slack: Pick<SlackConfiguration, 'teamIds'>,
  people: readonly PersonConfiguration[],
): PersonConfiguration {
  const { userId, teamId, userTeamId } = click;
  // Without a list of workspaces the one where the click was made is ours.
  const isOurs = userTeamId !== undefined && isOurTeam(userTeamId, slack) && (slack.teamIds.length > 0 || userTeamId === teamId);
  const person = isOurs
    ? people.find((candidate) => !candidate.disabled && candidate.owner === undefined && candidate.slack === userId)
    : undefined;
  if (!person) throw unknownSlackUser();
  return person;
}

/** A member as Slack knows them now. */
export interface SlackMember {
  teamId: string | undefined;
  /** Deactivated, or a bot, or a guest of one or some channels. */
  isRestricted: boolean;
}

/** What asking Slack about a member needs of the world. Undefined: Slack knows nobody of that id. */
export interface SlackMembers {
  find(botToken: string, userId: string): Promise<SlackMember | undefined>;
}

/** Refusal UNKNOWN_SLACK_USER unless Slack itself says that this is a full member of our workspace. */
export function requireFullMember(member: SlackMember | undefined, click: Pick<SlackClick, 'userTeamId'>): void {
  if (!member || member.isRestricted || member.teamId !== click.userTeamId) throw unknownSlackUser();
}

function unknownSlackUser(): Refusal {
  return new Refusal('UNKNOWN_SLACK_USER', 'your Slack account is not known as an approver here', {
    hint: 'ask an administrator to enter your Slack member id in greenlight.yaml, or decide on the request page',
  });
}
