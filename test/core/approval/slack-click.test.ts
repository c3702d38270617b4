import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clickOf, isFromOurApp, personOfClick, requireFullMember } from '../../../core/approval/slack-click.ts';
import { Refusal } from '../../../core/errors.ts';
import { demoConfiguration } from '../promotion/fixture.ts';

const { people } = demoConfiguration();

/** As Slack documents it, with members that nobody here reads. */
const PAYLOAD = {
  type: 'block_actions',
  user: { id: 'U0LEAD', username: 'lee', name: 'lee', team_id: 'T1' },
  api_app_id: 'A1',
  token: 'x',
  container: { type: 'message', message_ts: '1.2', channel_id: 'C1', is_ephemeral: false },
  trigger_id: '1.2.3',
  team: { id: 'T1', domain: 'greenlight' },
  enterprise: null,
  is_enterprise_install: false,
  channel: { id: 'C1', name: 'deployments' },
  message: { text: 'x', blocks: [] },
  state: { values: { reason: { reason: { type: 'plain_text_input', value: 'Looks good' } } } },
  response_url: 'https://hooks.slack.com/actions/T1/1/x',
  actions: [{ type: 'button', action_id: 'approve', block_id: 'b', value: 'handle', action_ts: '1.2', style: 'primary' }],
};

const codeOf = (act: () => unknown): string => {
  try {
    act();
    return 'none';
  } catch (error) {
    return error instanceof Refusal ? error.code : `not a refusal: ${String(error)}`;
  }
};

describe('a payload of Slack', () => {
  it('is read for who clicked what, where and with which words', () => {
    expect(clickOf(PAYLOAD)).toEqual({
      appId: 'A1',
      teamId: 'T1',
      userId: 'U0LEAD',
      userTeamId: 'T1',
      button: 'approve',
      value: 'handle',
      reason: 'Looks good',
      responseUrl: 'https://hooks.slack.com/actions/T1/1/x',
    });
  });

  it('may leave out what Slack leaves out', () => {
    const { state: _state, response_url: _url, ...rest } = PAYLOAD;
    const least = { ...rest, team: null, user: { id: 'U1' }, actions: [{ type: 'button', action_id: 'open' }] };
    const nothing = { reason: undefined, responseUrl: undefined, teamId: undefined, userTeamId: undefined };
    expect(clickOf(least)).toEqual({ appId: 'A1', userId: 'U1', button: 'open', value: '', ...nothing });
    for (const state of [
      { values: {} },
      { values: { reason: { reason: {} } } },
      { values: { reason: { reason: { value: null } } } },
      { values: { reason: { reason: { value: ' \n' } } } },
      { values: { other: { x: { value: 'words of another block' } } } },
      null,
    ]) {
      expect(clickOf({ ...PAYLOAD, state }).reason, JSON.stringify(state)).toBeUndefined();
    }
  });

  it('SLK-11: is refused, and never breaks anything, whatever else it is', () => {
    fc.assert(
      fc.property(fc.anything(), (payload) => {
        expect(codeOf(() => clickOf(payload))).toBe('INVALID_REQUEST');
      }),
    );
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(PAYLOAD)), fc.jsonValue(), (name, value) => {
        expect(['none', 'INVALID_REQUEST']).toContain(codeOf(() => clickOf({ ...PAYLOAD, [name]: value })));
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('where a click comes from', () => {
  const click = { appId: 'A1', teamId: 'T1' };
  it.each([
    [{ appId: 'A1', teamIds: ['T1'] }, true],
    [{ appId: 'A1', teamIds: ['T2', 'T1'] }, true],
    [{ appId: 'A1', teamIds: [] }, true],
    [{ teamIds: [] }, true],
    [{ teamIds: ['T1'] }, true],
    [{ appId: 'A2', teamIds: ['T1'] }, false],
    [{ appId: 'A1', teamIds: ['T2'] }, false],
    [{ teamIds: ['T10'] }, false],
  ])('%j: %s', (slack, expected) => {
    expect(isFromOurApp(click, slack)).toBe(expected);
  });

  it('no workspace is ours', () => {
    expect(isFromOurApp({ appId: 'A1', teamId: undefined }, { teamIds: [] })).toBe(false);
  });
});

describe('whose click it is', () => {
  const click = { userId: 'U0LEAD', teamId: 'T1', userTeamId: 'T1' as string | undefined };
  const subjectOf = (more: Partial<typeof click>, teamIds: string[] = [], of = people) =>
    personOfClick({ ...click, ...more }, { teamIds }, of).subject;

  it('says the configuration, by member id', () => {
    expect(subjectOf({})).toBe('lead');
    expect(subjectOf({ userId: 'U0SECURITY' })).toBe('security');
    expect(subjectOf({}, ['T1'])).toBe('lead');
    // In a grid people come from several workspaces of ours.
    expect(subjectOf({ userTeamId: 'T2' }, ['T1', 'T2'])).toBe('lead');
  });

  it.each([
    ['an unknown member', { userId: 'U0OTHER' }, [], people],
    ['an empty id', { userId: '' }, [], people],
    ['an id in small letters', { userId: 'u0lead' }, [], people],
    ['a name', { userId: 'lead' }, [], people],
    ['an address', { userId: 'lead@example.com' }, [], people],
    ['a member of another company', { userTeamId: 'T2' }, [], people],
    ['a member of a workspace that is not listed', { userTeamId: 'T2' }, ['T1'], people],
    ['a member of no workspace', { userTeamId: undefined }, [], people],
    ['somebody who is disabled', {}, [], people.map((person) => ({ ...person, disabled: true }))],
    ['somebody who has no Slack', { userId: 'undefined' }, [], people],
  ])('%s is nobody', (_what, more, teamIds, of) => {
    expect(codeOf(() => subjectOf(more, teamIds, of))).toBe('UNKNOWN_SLACK_USER');
  });
});

describe('a member as Slack knows them', () => {
  const click = { userTeamId: 'T1' };
  it.each([
    [{ teamId: 'T1', isRestricted: false }, 'none'],
    [{ teamId: 'T1', isRestricted: true }, 'UNKNOWN_SLACK_USER'],
    [{ teamId: 'T2', isRestricted: false }, 'UNKNOWN_SLACK_USER'],
    [{ teamId: undefined, isRestricted: false }, 'UNKNOWN_SLACK_USER'],
    [undefined, 'UNKNOWN_SLACK_USER'],
  ])('%j: %s', (member, expected) => {
    expect(codeOf(() => requireFullMember(member, click))).toBe(expected);
  });
});
