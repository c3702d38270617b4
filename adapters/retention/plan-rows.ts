/** Plans of deletions: rows `RETENTION#…`, which go by TTL once nobody can apply or read them usefully any more. */
import type { EventDraft } from '../../core/promotion/change.ts';
import type { Acting } from '../../core/promotion/create.ts';
import type { Clock } from '../../core/promotion/ports.ts';
import type { DeletionUnit } from '../../core/retention/plan.ts';
import type { DeletionTold, PlanStore, StoredPlan } from '../../core/retention/ports.ts';
import { outboxWrite } from '../audit/outbox.ts';
import { systemNotice } from '../notification/system-alerts.ts';
import { HEAD, RETENTION, retentionKey } from '../state/keys.ts';
import { type Table, type Write, WriteConflict } from '../state/table.ts';

/** How long a plan and its report are kept after they have expired. */
const KEEP_SECONDS = 90 * 86_400;
/** A row of DynamoDB holds 400 KB. */
const CHUNK_BYTES = 300_000;
const MOST_RECENT = 50;
const RUN = 'RUN';
/** As long as the function may run: who was killed does not stop the next one for longer. */
const RUN_SECONDS = 15 * 60;

export function planRows(table: Table, clock: Clock): PlanStore {
  return {
    async add(draft, units, acting) {
      const chunks = chunksOf(units);
      const at = clock.now();
      const { write, plan } = told({ ...draft, chunks: chunks.length, seq: 0, lastLine: '' }, acting, at, {
        type: 'gc.planned',
        data: {
          plan: draft.id,
          hash: draft.hash,
          artifacts: draft.totals.artifacts,
          delete: draft.totals.delete,
          bytes: draft.totals.bytesFreed,
        },
      });
      const ttl = ttlOf(plan);
      // Rows that no head names are invisible: they may come first.
      for (const [index, chunk] of chunks.entries())
        await table.put({ PK: retentionKey(plan.id), SK: unitsSort(index), units: chunk, ttl });
      await table.transact([
        { put: { PK: retentionKey(plan.id), SK: HEAD, body: plan, seq: plan.seq, ttl } },
        { put: { PK: RETENTION, SK: `${plan.createdAt}#${plan.id}`, plan: plan.id, ttl } },
        write,
        notice(
          plan,
          `${plan.units} of ${plan.totals.artifacts} artifacts would be deleted${plan.stop === undefined ? '' : ', which is too many at once'}`,
          at,
        ),
      ]);
      return plan;
    },
    async get(id) {
      return (await table.get(retentionKey(id), HEAD))?.['body'] as StoredPlan | undefined;
    },
    async units({ id, chunks }) {
      const rows = await Promise.all(Array.from({ length: chunks }, (_, index) => table.get(retentionKey(id), unitsSort(index))));
      return rows.flatMap((row) => (row?.['units'] as DeletionUnit[] | undefined) ?? []);
    },
    async recent() {
      const { items } = await table.query({ pk: RETENTION, prefix: '2', descending: true, limit: MOST_RECENT });
      const plans = await Promise.all(items.map((item) => table.get(retentionKey(String(item['plan'])), HEAD)));
      return plans.flatMap((row) => (row ? [row['body'] as StoredPlan] : []));
    },
    async save(plan) {
      const next = { ...plan };
      const write: Write = {
        update: { pk: retentionKey(plan.id), sk: HEAD },
        expression: 'SET body = :body',
        values: { ':body': next },
        condition: { expression: 'seq = :seq', values: { ':seq': plan.seq } },
      };
      // What became of it is said once to people and subscribers; artifact by artifact it stands in the log.
      const { status, result } = plan;
      const isOver = status === 'stopped' || (status !== 'planned' && status !== 'applying' && result?.finishedAt !== undefined);
      await table.transact(isOver ? [write, notice(plan, outcomeOf(plan), clock.now())] : [write]);
      return next;
    },
    async begin(run) {
      const now = clock.now().getTime();
      try {
        await table.put(
          { PK: RETENTION, SK: RUN, run, until: new Date(now + RUN_SECONDS * 1000).toISOString() },
          {
            expression: 'attribute_not_exists(PK) OR #until <= :now',
            names: { '#until': 'until' },
            values: { ':now': new Date(now).toISOString() },
          },
        );
        return true;
      } catch (error) {
        if (error instanceof WriteConflict) return false;
        throw error;
      }
    },
    async end(run) {
      try {
        await table.remove(RETENTION, RUN, { expression: '#run = :run', names: { '#run': 'run' }, values: { ':run': run } });
      } catch (error) {
        // It took too long, and another run has begun.
        if (!(error instanceof WriteConflict)) throw error;
      }
    },
  };
}

/** Writes that say that a unit is gone, for the transaction that finishes its deletion. */
export function deletionWrites({ plan: after, unit, acting }: DeletionTold, at: Date): Write[] {
  const { write, plan } = told(after, acting, at, {
    type: 'gc.deleted',
    data: {
      plan: after.id,
      artifact: unit.artifact,
      version: unit.version ?? null,
      digests: unit.digests,
      registries: unit.registries,
      bytes: unit.bytes,
      reason: 'nothing uses it, and no rule keeps it',
    },
  });
  return [
    {
      update: { pk: retentionKey(plan.id), sk: HEAD },
      expression: 'SET body = :body, seq = :next',
      values: { ':body': plan, ':next': plan.seq },
      condition: { expression: 'seq = :seq', values: { ':seq': after.seq } },
    },
    write,
  ];
}

/** The plan once the event is told. */
function told(
  before: StoredPlan,
  acting: Acting,
  at: Date,
  { type, data }: { type: 'gc.planned' | 'gc.deleted'; data: EventDraft['data'] },
): { write: Write; plan: StoredPlan } {
  const rid = `sys:gc:${before.id}`;
  const seq = before.seq + 1;
  const tenant = before.tenants.length === 1 ? before.tenants[0]! : '';
  const event = outboxWrite({ rid, seq, prev: before.lastLine, tenant, at, event: { type, ...acting, data } });
  return { write: event.write, plan: { ...before, seq, lastLine: event.lastLine } };
}

function notice(plan: StoredPlan, reason: string, at: Date): Write {
  const { id, status, tenants, artifact, totals, units, applyFrom, result } = plan;
  const data = {
    reason,
    plan: id,
    status,
    ...(tenants.length === 1 ? { tenant: tenants[0]! } : {}),
    ...(artifact === undefined ? {} : { artifact }),
    artifacts: totals.artifacts,
    delete: units,
    ...(result ? { deleted: result.deleted, bytesFreed: result.bytesFreed } : { bytes: totals.bytesFreed, applyFrom }),
  };
  return systemNotice(`sys:gc:${id}`, { type: status === 'planned' ? 'gc.planned' : 'gc.deleted', data }, at);
}

function outcomeOf({ status, stop, result, units }: StoredPlan): string {
  if (status === 'stopped') return `nothing was deleted: ${stop}`;
  const failed = result?.failed.length ?? 0;
  return `${result?.deleted ?? 0} of ${units} artifacts were deleted${failed > 0 ? `; ${failed} could not be yet` : ''}`;
}

function chunksOf(units: readonly DeletionUnit[]): DeletionUnit[][] {
  const chunks: DeletionUnit[][] = [];
  let bytes = CHUNK_BYTES;
  for (const unit of units) {
    const size = JSON.stringify(unit).length;
    if (bytes + size > CHUNK_BYTES) {
      chunks.push([]);
      bytes = 0;
    }
    chunks.at(-1)!.push(unit);
    bytes += size;
  }
  return chunks;
}

const unitsSort = (index: number): string => `UNITS#${String(index).padStart(4, '0')}`;

function ttlOf({ expiresAt }: StoredPlan): number {
  return Math.ceil(Date.parse(expiresAt) / 1000) + KEEP_SECONDS;
}
