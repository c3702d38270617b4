/** `greenlight mute` and `greenlight unmute`: what I, or a team of mine, do not want to hear of. */
import { type Command, Option } from 'commander';
import { everyPage } from '../every-page.ts';
import { CommandFailure, EXIT, usageFailure } from '../failure.ts';
import { notEmpty } from '../operands.ts';
import { oneLine } from '../output.ts';
import type { SharedOptions } from '../session.ts';
import { shownTime } from '../show-request.ts';
import { type VerbContext, verb } from '../verb.ts';

interface MuteView {
  id: string;
  event: string;
  team: string | null;
  environment: string | null;
  until: string | null;
}

interface MuteOptions extends SharedOptions {
  team?: string;
  environment?: string;
  until?: string;
}

export function muteVerb(context: VerbContext): Command {
  const word = (flags: string, description: string) => new Option(flags, description).argParser(notEmpty);
  return verb<MuteOptions>(context, 'mute [EVENT]', {
    summary: 'Spares me of mails about an event; what asks me for something and what is critical still comes',
    examples: [
      'mute promotion.started',
      'mute promotion_succeeded --environment staging --until 2026-12-31T08:00:00Z',
      'mute rollout.* --team platform-leads',
    ],
    run: async ({ client, output }, [event], { team, environment, until }) => {
      if (event === undefined) throw usageFailure('mute needs the name of an event, or list', 'greenlight mute --help');
      const { body: made } = await client.post<MuteView>('/v1/mutes', {
        event,
        ...(team === undefined ? {} : { team }),
        ...(environment === undefined ? {} : { environment }),
        ...(until === undefined ? {} : { until }),
      });
      output.document(made);
      output.line(`  ${output.tick} ${line(made)}`);
      return EXIT.done;
    },
  })
    .addOption(word('--team <TEAM>', 'a team of mine instead of me'))
    .addOption(word('--environment <ENV>', 'only there'))
    .addOption(word('--until <TIME>', 'end, e.g. 2026-12-31T08:00:00Z (default: until I unmute it)'))
    .addCommand(
      verb<SharedOptions>(context, 'list', {
        summary: 'Lists what I have muted, and what my teams have',
        examples: ['mute list', 'mute list --as lead@example.com', 'mute list --json'],
        run: async ({ client, output }) => {
          const items = await everyPage<MuteView>(client, '/v1/mutes');
          output.document({ items });
          for (const mute of items) output.line(line(mute));
          if (items.length === 0) output.line('Nothing is muted');
          return EXIT.done;
        },
      }),
    );
}

export function unmuteVerb(context: VerbContext): Command {
  return verb<SharedOptions>(context, 'unmute ID|EVENT', {
    summary: 'Tells of it again',
    examples: ['unmute promotion.started', 'unmute mu-0123456789abcdef', 'unmute promotion.started --json'],
    run: async ({ client, output }, [named]) => {
      const items = await everyPage<MuteView>(client, '/v1/mutes');
      const found = items.filter(({ id, event }) => id === named || event === named);
      if (found.length === 0)
        throw new CommandFailure(EXIT.no, `${oneLine(named!)} is not muted`, { code: 'NOT_FOUND', hint: 'greenlight mute list' });
      for (const { id } of found) await client.delete(`/v1/mutes/${encodeURIComponent(id)}`);
      output.document({ items: found.map(({ id }) => ({ id })) });
      for (const { event } of found) output.line(`  ${output.tick} ${oneLine(event)} is told again`);
      return EXIT.done;
    },
  });
}

function line({ id, event, team, environment, until }: MuteView): string {
  const who = team === null ? [] : [`for @${oneLine(team)}`];
  const where = environment === null ? [] : [`in ${oneLine(environment)}`];
  const end = until === null ? 'until it is unmuted' : `until ${shownTime(until)}`;
  return [oneLine(id), oneLine(event), ...who, ...where, end].join('  ');
}
