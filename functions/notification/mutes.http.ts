/** `/v1/mutes`: what a person or a team does not want to hear of. */
import type * as z from 'zod';
import { muteRows } from '../../adapters/notification/mute-rows.ts';
import { holdsVerb } from '../../core/access/membership.ts';
import { Refusal } from '../../core/errors.ts';
import { isEventName, nearestEventName } from '../../core/notification/event-name.ts';
import { type Mute, refuseAlwaysTold } from '../../core/notification/mute.ts';
import { actingOf } from '../kit/acting.ts';
import type { Caller, HttpAnswer, HttpCall, TwoPhaseHandler } from '../kit/http.ts';
import { pageOf } from '../kit/page.ts';
import type { pageQuery } from '../kit/route.ts';
import { clock, table } from '../kit/state.ts';
import type { muteBody } from './routes.ts';

const mutes = muteRows(table, clock);

export const createMute: TwoPhaseHandler<void, z.infer<typeof muteBody>> = {
  async find({ body, caller, configuration }) {
    const team = (body as { team?: unknown } | null | undefined)?.team;
    if (typeof team !== 'string') return;
    if (!configuration.teams.includes(nameOf(team))) throw new Refusal('NOT_FOUND', 'there is no such team');
    if (!maySpeakFor(caller, nameOf(team))) throw new Refusal('FORBIDDEN', `you are not of the team ${nameOf(team)}`);
  },
  async handle(call) {
    const { body, caller, configuration } = call;
    const { event, team, environment, until } = body;
    if (!isEventName(event)) {
      const suggestion = nearestEventName(event);
      throw new Refusal('INVALID_REQUEST', `there is no event ${event}`, {
        hint: suggestion ? `did you mean ${suggestion}?` : 'docs/notifications.md lists the events',
        errors: [{ path: '/event', message: 'must be the name of an event' }],
      });
    }
    if (environment !== undefined && !Object.hasOwn(configuration.environments, environment))
      throw new Refusal('INVALID_REQUEST', `there is no environment ${environment}`, {
        errors: [{ path: '/environment', message: `must be one of ${Object.keys(configuration.environments).join(', ')}` }],
      });
    if (until !== undefined && until <= clock.now().toISOString())
      throw new Refusal('INVALID_DATE', 'until lies in the past', { hint: 'leave it out to mute until you unmute' });
    refuseAlwaysTold(event);
    const { key, email } = caller.actor;
    const mute = await mutes.add(
      {
        event,
        ...(team === undefined ? { person: { key, email } } : { team: nameOf(team) }),
        ...(environment === undefined ? {} : { environment }),
        ...(until === undefined ? {} : { until }),
        createdBy: email,
      },
      actingOf(call),
    );
    return { status: 201, headers: { location: `/v1/mutes/${mute.id}` }, body: render(mute) };
  },
};

export async function listMutes(call: HttpCall<unknown, z.infer<typeof pageQuery>>): Promise<HttpAnswer> {
  const listed = (await mutes.all()).filter((mute) => isTheirs(call.caller, mute));
  const page = await pageOf(listed, ({ createdAt, id }) => `${createdAt}#${id}`, ['listMutes', call.caller.actor.key], call.query);
  return { status: 200, body: { ...page, items: page.items.map(render) } };
}

export const removeMute: TwoPhaseHandler<Mute> = {
  async find({ params, caller }) {
    const mute = (await mutes.all()).find(({ id }) => id === params['muteId']);
    if (!mute || !(isTheirs(caller, mute) || holdsVerb(caller.membership, 'admin'))) throw notFound();
    return mute;
  },
  async handle(call, mute) {
    if (!(await mutes.remove(mute, actingOf(call)))) throw notFound();
    return { status: 204 };
  },
};

function nameOf(team: string): string {
  return team.replace(/^@/, '');
}

function isTheirs(caller: Caller, { person, team }: Mute): boolean {
  return team === undefined ? person!.key === caller.actor.key : maySpeakFor(caller, team);
}

function maySpeakFor({ membership }: Caller, team: string): boolean {
  return membership.teams.includes(team) || holdsVerb(membership, 'admin');
}

function notFound(): Refusal {
  return new Refusal('NOT_FOUND', 'there is no such mute');
}

function render({ id, event, team, environment, until, createdAt, createdBy }: Mute) {
  return { id, event, team: team ?? null, environment: environment ?? null, until: until ?? null, createdAt, createdBy };
}
