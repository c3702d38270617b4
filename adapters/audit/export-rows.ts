/** Exports of the log that were asked for. They end by themselves after a week, as their files do. */
import { randomBytes } from 'node:crypto';
import type { Actor, AuthMethod, Channel } from '../../core/access/identity.ts';
import type { ExportFormat } from '../../core/audit/export-format.ts';
import type { Clock } from '../../core/promotion/ports.ts';
import { EXPORTS_DUE, exportKey } from '../state/keys.ts';
import type { Table } from '../state/table.ts';
import { outboxWrite } from './outbox.ts';

export interface LogExport {
  id: string;
  /** Identity key of who asked: nobody else gets it. */
  owner: string;
  format: ExportFormat;
  /** Whose events; undefined: everybody's, and those of the log itself. */
  tenants?: string[];
  from?: string;
  to?: string;
  createdAt: string;
  status: 'pending' | 'done' | 'failed';
  /** Name of the file. */
  file?: string;
  lines?: number;
  problem?: string;
}

const SORT = 'EXPORT';
const DAYS = 7;

export interface ExportRows {
  ask(
    wanted: Pick<LogExport, 'format' | 'tenants' | 'from' | 'to'>,
    by: { actor: Actor; auth: AuthMethod; channel: Channel },
  ): Promise<LogExport>;
  get(id: string): Promise<LogExport | undefined>;
  due(): Promise<LogExport[]>;
  end(ended: LogExport): Promise<void>;
}

export function exportRows(table: Table, clock: Clock): ExportRows {
  const rowOf = (body: LogExport) => {
    const ttl = Math.ceil(Date.parse(body.createdAt) / 1000) + DAYS * 86_400;
    return { PK: exportKey(body.id), SK: SORT, ttl, body };
  };
  const get = async (id: string) => {
    const body = (await table.get(exportKey(id), SORT))?.['body'] as LogExport | undefined;
    // TTL deletes late: the date is always compared.
    const isOver = body && clock.now().getTime() >= Date.parse(body.createdAt) + DAYS * 86_400_000;
    return isOver ? undefined : body;
  };
  return {
    async ask(wanted, { actor, auth, channel }) {
      const at = clock.now();
      const asked: LogExport = {
        ...{ id: `ex-${randomBytes(8).toString('hex')}`, owner: actor.key, createdAt: at.toISOString(), status: 'pending' },
        ...wanted,
      };
      const { format, tenants, from, to } = wanted;
      const data = { format, tenants: tenants ?? ['*'], from: from ?? null, to: to ?? null };
      const event = { type: 'audit.exported', actor, auth, channel, data } as const;
      const tenant = tenants?.length === 1 ? tenants[0]! : '';
      const { write } = outboxWrite({ rid: `sys:export:${asked.id}`, seq: 1, prev: '', tenant, at, event });
      await table.transact([{ put: rowOf(asked) }, { put: { PK: EXPORTS_DUE, SK: asked.id, ttl: rowOf(asked).ttl } }, write]);
      return asked;
    },
    get,
    async due() {
      const rows = await table.all({ pk: EXPORTS_DUE });
      const asked = await Promise.all(rows.map((row) => get(String(row['SK']))));
      return asked.filter((each): each is LogExport => each !== undefined);
    },
    async end(ended) {
      await table.transact([{ put: rowOf(ended) }, { remove: { pk: EXPORTS_DUE, sk: ended.id } }]);
    },
  };
}
