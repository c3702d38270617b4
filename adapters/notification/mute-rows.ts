/** Who has muted what, in DynamoDB. Few rows in one place: whoever tells something reads all of them. */
import { randomBytes } from 'node:crypto';
import { Refusal } from '../../core/errors.ts';
import type { Mute } from '../../core/notification/mute.ts';
import type { Acting } from '../../core/promotion/create.ts';
import type { Clock } from '../../core/promotion/ports.ts';
import { outboxWrite } from '../audit/outbox.ts';
import { MUTES } from '../state/keys.ts';
import { type Table, WriteConflict } from '../state/table.ts';

/** Of one person or team. */
const MOST_MUTES = 50;

export interface MuteRows {
  /** Those that are not over. */
  all(): Promise<Mute[]>;
  /** Refusal LIMIT. */
  add(mute: Omit<Mute, 'id' | 'createdAt'>, acting: Acting): Promise<Mute>;
  /** False when it is gone. */
  remove(mute: Mute, acting: Acting): Promise<boolean>;
}

export function muteRows(table: Table, clock: Clock): MuteRows {
  const eventOf = ({ id, event, team, environment, until }: Mute, type: 'mute.created' | 'mute.removed', prev: string, acting: Acting) =>
    outboxWrite({
      rid: `sys:mute:${id}`,
      seq: type === 'mute.created' ? 1 : 2,
      prev,
      tenant: '',
      at: clock.now(),
      event: { type, ...acting, data: { event, team: team ?? null, environment: environment ?? null, until: until ?? null } },
    });
  const rows: MuteRows = {
    async all() {
      const now = clock.now().toISOString();
      // TTL deletes late: the date is always compared.
      return (await table.all({ pk: MUTES })).map(({ body }) => body as Mute).filter(({ until }) => until === undefined || until > now);
    },
    async add(draft, acting) {
      const isTheirs = ({ person, team }: Mute) => person?.key === draft.person?.key && team === draft.team;
      if ((await rows.all()).filter(isTheirs).length >= MOST_MUTES)
        throw new Refusal('LIMIT', `there are ${MOST_MUTES} mutes already`, { hint: 'unmute one of them first' });
      const mute: Mute = { ...draft, id: `mu-${randomBytes(8).toString('hex')}`, createdAt: clock.now().toISOString() };
      const event = eventOf(mute, 'mute.created', '', acting);
      const ttl = mute.until === undefined ? {} : { ttl: Math.ceil(Date.parse(mute.until) / 1000) };
      await table.transact([
        {
          put: { PK: MUTES, SK: mute.id, ...ttl, lastLine: event.lastLine, body: mute },
          condition: { expression: 'attribute_not_exists(PK)' },
        },
        event.write,
      ]);
      return mute;
    },
    async remove(mute, acting) {
      const row = await table.get(MUTES, mute.id);
      if (!row) return false;
      const event = eventOf(mute, 'mute.removed', row['lastLine'] as string, acting);
      try {
        await table.transact([{ remove: { pk: MUTES, sk: mute.id }, condition: { expression: 'attribute_exists(PK)' } }, event.write]);
        return true;
      } catch (error) {
        if (error instanceof WriteConflict) return false;
        throw error;
      }
    },
  };
  return rows;
}
