import { marshall } from '@aws-sdk/util-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linkRows } from '../../../adapters/approval/link-rows.ts';
import { environmentStore } from '../../../adapters/environment/environment-store.ts';
import { promotionStore, writesOf } from '../../../adapters/promotion/promotion-store.ts';
import type { Item, Table } from '../../../adapters/state/table.ts';
import { lineHash } from '../../../core/audit/line.ts';
import { begin } from '../../../core/promotion/begin.ts';
import type { PromotionChange } from '../../../core/promotion/change.ts';
import { cancel, create } from '../../../core/promotion/create.ts';
import { engineChange } from '../../../core/promotion/engine-change.ts';
import { succeed } from '../../../core/promotion/finish.ts';
import type { PromotionStore } from '../../../core/promotion/ports.ts';
import type { Promotion } from '../../../core/promotion/promotion.ts';
import { acting, actor, approversOf, created, decisionBy, keyOf, NOW, prodPlan, promotionIn } from '../../core/promotion/fixture.ts';
import { type ServedTable, serveTable } from '../state/served-table.ts';

let served: ServedTable;
let promotions: PromotionStore;

beforeAll(async () => {
  served = await serveTable();
  promotions = promotionStore(served.table, served.clock);
});
afterAll(() => served.stop());

let count = 1000;
/** A request that is stored, in a phase and with changes that no rule is asked about. */
async function stored(more: Partial<Promotion> = {}): Promise<Promotion> {
  const change = created();
  const id = `PR-2026-${++count}`;
  return promotions.commit({ ...change, after: { ...change.after, id, createdAt: served.clock.now().toISOString(), ...more } });
}
const touched = (promotion: Promotion): PromotionChange =>
  engineChange(promotion, promotion, { type: 'promotion.waiting', action: 'waiting', data: {} });

describe('the writes of a change', () => {
  const clock = { now: () => NOW };
  const { writes, head } = writesOf(created(), clock);

  it('are the head under its version, one event, its history line, texts, plan, wake and notice', () => {
    expect(
      writes.map((write) =>
        'put' in write ? `${String(write.put['PK'])} ${String(write.put['SK']).replace(/^[0-9A-Z]{26}$/, 'ulid')}` : '',
      ),
    ).toEqual([
      'REQ#PR-2026-0007 HEAD',
      'OUTBOX#0 ulid',
      'REQ#PR-2026-0007 EVENT#000001',
      'REQ#PR-2026-0007 TEXTS',
      `REQ#PR-2026-0007 PLAN#${head.planHash}`,
      'WAKE#0 ulid',
      'NOTICE#0 ulid',
    ]);
    expect(writes.slice(0, 3).map(({ condition }) => (condition as { expression: string }).expression)).toEqual(
      Array.from({ length: 3 }, () => 'attribute_not_exists(PK)'),
    );
    expect(writes[0]).toMatchObject({ put: { GPK: 'LIST#prod#tenant-finance', GSK: `${NOW.toISOString()}#PR-2026-0007`, version: 1 } });
  });

  it('of a later change have the version that was read as condition, and chain its line', () => {
    const next = writesOf(touched(head), clock);
    expect(next.writes[0]!.condition).toEqual({
      expression: '#version = :before',
      names: { '#version': 'version' },
      values: { ':before': 1 },
    });
    expect(next.head).toMatchObject({ version: 2, seq: 2 });
    const lines = [writes, next.writes].map((list) => (list[1] as { put: { line: string } }).put.line);
    expect(lineHash(lines[0]!)).toBe(head.lastLine);
    expect(JSON.parse(lines[1]!)).toMatchObject({
      seq: 2,
      prev: head.lastLine,
      plan: head.planHash,
      actor: { id: 'system', auth: 'engine' },
    });
    expect(lines.join()).not.toMatch(/@|PCI-DSS|p-dev"?:/);
  });

  it('of a decision name person and plan, use the link once, and overwrite nothing unless they say so', () => {
    const before = promotionIn('pending_approval');
    const decided = { ...touched(before), decision: decisionBy('lead', before), useLink: 'abc', withdraw: [keyOf('security')] };
    expect(writesOf(decided, clock).writes.slice(3)).toEqual([
      {
        put: { PK: `DECISION#${before.id}`, SK: `${before.planHash}#${keyOf('lead')}`, body: decided.decision },
        condition: { expression: 'attribute_not_exists(PK)' },
      },
      // That one has approved for the other, for as long as it is looked at.
      { put: { PK: `PAIR#${keyOf('lead')}`, SK: keyOf('dev'), until: '2026-12-20T12:00:00.000Z', ttl: 1_797_768_000 } },
      {
        update: { pk: `DECISION#${before.id}`, sk: `${before.planHash}#${keyOf('security')}` },
        expression: 'SET withdrawn = :yes',
        values: { ':yes': true },
        condition: { expression: 'attribute_exists(PK)' },
      },
      {
        update: { pk: 'LINK#abc', sk: 'LINK' },
        expression: 'SET #state = :used, usedAt = :now, decision = :decision',
        names: { '#state': 'state' },
        values: { ':used': 'used', ':now': NOW.toISOString(), ':decision': 'approve' },
        condition: { expression: '#state = :issued', values: { ':issued': 'issued' } },
      },
    ]);
  });
});

describe('committing', () => {
  it('keeps what was given, and gives it back', async () => {
    const head = await stored();
    expect(await promotions.head(head.id)).toEqual(head);
    expect((await promotions.texts(head.id))?.spec.request.rollbackPlan).toBe('Revert to 1.0.0');
    expect(await promotions.plan(head.id, head.planHash)).toEqual(prodPlan().plan);
    expect(await promotions.aggregate(head.id)).toMatchObject({
      promotion: head,
      gates: [],
      history: [{ seq: 1, action: 'created', by: actor('dev') }],
    });
    expect(await promotions.head('PR-2026-9999')).toBeUndefined();
    expect(await promotions.aggregate('PR-2026-9999')).toBeUndefined();
  });

  it('RACE: has one winner when several write on the same version, and one event of it', async () => {
    const head = await stored({ phase: 'pending_approval' });
    const outcomes = await Promise.allSettled([1, 2, 3, 4].map(() => promotions.commit(cancel(head, acting('dev')))));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ name: 'VersionConflict' });
    const rows = await served.table.all({ pk: 'OUTBOX#0' });
    expect(rows.filter(({ rid }) => rid === head.id).map(({ seq }) => seq)).toEqual([1, 2]);
    expect(await promotions.history(head.id)).toHaveLength(2);
  });

  it('refuses an id that is taken', async () => {
    const head = await stored();
    const { plan, spec } = prodPlan();
    const again = create({ ...acting('cpi'), id: head.id, plan, spec, requestedVersion: '1', now: NOW });
    await expect(promotions.commit(again)).rejects.toMatchObject({ name: 'VersionConflict' });
    expect(await promotions.head(head.id)).toEqual(head);
  });

  it('keeps one decision of a person on a plan, until another one takes its place', async () => {
    const head = await stored({ phase: 'pending_approval' });
    const decided = await promotions.commit({ ...touched(head), decision: decisionBy('lead', head) });
    await expect(
      promotions.commit({ ...touched(decided), decision: decisionBy('lead', head, { decision: 'reject' }) }),
    ).rejects.toMatchObject({
      name: 'VersionConflict',
    });
    expect(await promotions.decisions(head.id)).toMatchObject([{ decision: 'approve' }]);
    const withdrawn = await promotions.commit({ ...touched(decided), withdraw: [keyOf('lead')] });
    expect(await promotions.decisions(head.id)).toMatchObject([{ decision: 'approve', withdrawn: true }]);
    await promotions.commit({ ...touched(withdrawn), decision: decisionBy('lead', head, { decision: 'reject' }), replaces: true });
    const [decision] = await promotions.decisions(head.id);
    expect(decision).toMatchObject({ decision: 'reject' });
    expect(decision!.withdrawn).toBeUndefined();
    const unknown = { ...touched((await promotions.head(head.id))!), withdraw: [keyOf('nobody')] };
    await expect(promotions.commit(unknown)).rejects.toMatchObject({ name: 'VersionConflict' });
  });

  it('uses a link once, and neither a revoked nor an unknown one; without it nothing is decided', async () => {
    const links = linkRows(served.table);
    const head = await stored({ phase: 'pending_approval' });
    const base = { requestId: head.id, approver: keyOf('lead'), planHash: head.planHash, expiresAt: head.expiresAt };
    await links.issue({ id: 'one', ...base });
    const used = await promotions.commit({ ...touched(head), decision: decisionBy('lead', head), useLink: 'one' });
    expect(await links.get('one')).toMatchObject({ state: 'used', decision: 'approve', usedAt: expect.any(String) });
    await links.issue({ id: 'two', ...base });
    const revoked = await promotions.commit({ ...touched(used), revokeLink: 'two' });
    await links.issue({ id: 'receipt', ...base, decision: 'approve' });
    for (const useLink of ['one', 'two', 'three', 'receipt']) {
      const attempt = promotions.commit({ ...touched(revoked), decision: decisionBy('security', head), useLink });
      await expect(attempt, useLink).rejects.toMatchObject({ name: 'VersionConflict' });
    }
    expect(await promotions.decisions(head.id)).toHaveLength(1);
    expect(await promotions.head(head.id)).toEqual(revoked);
  });

  it('revokes a link once, used or not, and none that is unknown', async () => {
    const links = linkRows(served.table);
    const head = await stored({ phase: 'pending_approval' });
    const base = { requestId: head.id, approver: keyOf('lead'), planHash: head.planHash, expiresAt: head.expiresAt };
    await links.issue({ id: 'r1', ...base });
    await links.issue({ id: 'r2', ...base, decision: 'reject' });
    let now = head;
    for (const revokeLink of ['r1', 'r2']) {
      now = await promotions.commit({ ...touched(now), revokeLink });
      expect((await links.get(revokeLink))!.state).toBe('revoked');
    }
    for (const revokeLink of ['r1', 'r2', 'unknown']) {
      await expect(promotions.commit({ ...touched(now), revokeLink }), revokeLink).rejects.toMatchObject({ name: 'VersionConflict' });
    }
    expect(await links.get('unknown')).toBeUndefined();
    expect(await promotions.head(head.id)).toEqual(now);
  });

  it('keeps the gates of each attempt apart', async () => {
    const result = { name: 'policy', type: 'policy' as const, status: 'failed' as const, message: '', resolution: '', definitionHash: '' };
    let head = await stored({ phase: 'validating' });
    head = await promotions.commit({ ...touched(head), gates: [result] });
    await promotions.commit({ ...touched({ ...head, attempt: 12 }), before: head, gates: [{ ...result, status: 'passed' }] });
    expect((await promotions.gates(head.id, 1)).map(({ status }) => status)).toEqual(['failed']);
    expect((await promotions.gates(head.id, 12)).map(({ status }) => status)).toEqual(['passed']);
    expect(await promotions.gates(head.id, 2)).toEqual([]);
  });

  it('gives every request of a year another number, also at once', async () => {
    const ids = await Promise.all(Array.from({ length: 8 }, () => promotions.nextId(2031)));
    expect(new Set(ids).size).toBe(8);
    expect(ids.sort()[0]).toBe('PR-2031-0001');
    expect(await promotions.nextId(2032)).toBe('PR-2032-0001');
  });
});

describe('reading a whole request', () => {
  /** A store whose reads of whole requests find what `first` says before they find what is there. */
  function storeAfter(first: (rows: Item[]) => Item[], times: number): PromotionStore {
    let left = times;
    const all: Table['all'] = async (options) => {
      const rows = await served.table.all(options);
      return options.prefix === undefined && left-- > 0 ? first(rows) : rows;
    };
    return promotionStore({ ...served.table, all }, served.clock);
  }
  const withoutNewestEvent = (rows: Item[]) => rows.filter(({ SK }) => SK !== 'EVENT#000002');

  it('reads again when a change falls into the read, so that history, gates and head fit together', async () => {
    const result = { name: 'policy', type: 'policy' as const, status: 'passed' as const, message: '', resolution: '', definitionHash: '' };
    const head = await stored({ phase: 'validating' });
    const changed = await promotions.commit({ ...touched(head), gates: [result] });
    const halfOld = (rows: Item[]) => withoutNewestEvent(rows).filter(({ SK }) => !String(SK).startsWith('GATE#'));
    const found = await storeAfter(halfOld, 2).aggregate(head.id);
    expect(found).toMatchObject({ promotion: changed, gates: [result], history: [{ seq: 1 }, { seq: 2 }] });
    expect(found).toEqual(await promotions.aggregate(head.id));
  });

  it('gives up when the parts never fit together', async () => {
    const head = await stored();
    await promotions.commit(touched(head));
    await expect(storeAfter(withoutNewestEvent, Number.POSITIVE_INFINITY).aggregate(head.id)).rejects.toMatchObject({
      name: 'UNAVAILABLE',
    });
  });

  it('finds the plan that stands among earlier ones, and the gates of the present attempt only', async () => {
    const gate = (status: 'failed' | 'passed') => ({
      ...{ name: 'policy', type: 'policy' as const, status, message: '', resolution: '', definitionHash: '' },
    });
    const head = await stored({ phase: 'validating' });
    const failed = await promotions.commit({ ...touched(head), gates: [gate('failed')] });
    const { plan } = prodPlan();
    const edited = await promotions.commit({
      ...touched(failed),
      after: { ...failed, attempt: 2, planHash: 'sha256:other' },
      plan: { ...plan, version: '9.9.9' },
      gates: [gate('passed')],
    });
    expect(await promotions.aggregate(head.id)).toMatchObject({
      promotion: edited,
      plan: { version: '9.9.9' },
      gates: [{ status: 'passed' }],
    });
  });
});

describe('the lock of the environment', () => {
  const { plan } = prodPlan();

  async function ready() {
    const promotion = await stored({ phase: 'approved' });
    return { promotion, decisions: [decisionBy('lead', promotion), decisionBy('security', promotion)] };
  }
  function start(
    { promotion, decisions }: Awaited<ReturnType<typeof ready>>,
    environment: Awaited<ReturnType<typeof read>>,
  ): PromotionChange {
    const outcome = begin({
      promotion,
      plan,
      decisions,
      approvers: approversOf(),
      environment,
      hold: undefined,
      evidenceHolds: true,
      now: NOW,
    });
    if (outcome.kind !== 'start' || !outcome.change) throw new Error(outcome.kind);
    return outcome.change;
  }
  const read = () => environmentStore(served.table, served.clock).get('prod', 'payment-api');

  it('goes to one of two runs that saw it free; the loser’s request stays as it was', async () => {
    const [one, two] = [await ready(), await ready()];
    const free = await read();
    const outcomes = await Promise.allSettled([promotions.commit(start(one, free)), promotions.commit(start(two, free))]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const [winner, loser] = outcomes[0]!.status === 'fulfilled' ? [one, two] : [two, one];
    expect(await read()).toMatchObject({ holder: `${winner.promotion.id}-1`, fence: 1, tenant: 'tenant-finance', health: 'healthy' });
    expect((await promotions.head(loser.promotion.id))!.phase).toBe('approved');

    const running = (await promotions.head(winner.promotion.id))!;
    const stranger = { ...running, attempt: 9 };
    await expect(promotions.commit({ ...succeed(stranger, NOW.toISOString(), undefined), before: running })).rejects.toMatchObject({
      name: 'VersionConflict',
    });
    await promotions.commit(succeed(running, NOW.toISOString(), undefined));
    const after = await read();
    expect(after).toMatchObject({ current: { digest: plan.digest }, fence: 1, revision: 2 });
    expect(after).not.toHaveProperty('holder');
    expect(after).not.toHaveProperty('previous');

    // A run that read the row before the winner came has a fence that is used up.
    await expect(promotions.commit(start(loser, free))).rejects.toMatchObject({ name: 'VersionConflict' });
    await promotions.commit(start({ ...loser, promotion: (await promotions.head(loser.promotion.id))! }, after));
    expect(await read()).toMatchObject({ holder: `${loser.promotion.id}-1`, fence: 2 });
  });
});

describe('the size of a head', () => {
  it('stays within 4 KB with the longest names and a whole rollout: texts, plan and gates lie apart', () => {
    const long = promotionIn('rolling_back', {
      artifact: 'a'.repeat(128),
      requestedVersion: 'v'.repeat(128),
      releaseVersion: 'v'.repeat(128),
      from: 'e'.repeat(39),
      to: 'f'.repeat(39),
      tenant: 't'.repeat(64),
      requester: { ...actor('dev'), email: `${'x'.repeat(64)}@${'y'.repeat(63)}.example.com`, name: 'N'.repeat(64) },
      editors: Array.from({ length: 5 }, (_, index) => ({
        key: keyOf(String(index)),
        email: `${'e'.repeat(64)}@${'y'.repeat(63)}.example.com`,
      })),
      failure: { code: 'SMOKE_FAILED', message: 'm'.repeat(500), step: 'canary:50' },
      rollout: [10, 50, 100].map((weight) => ({
        step: `canary:${weight}`,
        status: 'done',
        startedAt: NOW.toISOString(),
        endedAt: NOW.toISOString(),
        achievedWeight: weight,
        restarts: 0,
      })),
      previewRef: `pv-${'0'.repeat(32)}`,
    });
    const { writes } = writesOf(touched(long), { now: () => NOW });
    const item = marshall((writes[0] as { put: Record<string, unknown> }).put, { removeUndefinedValues: true });
    expect(Buffer.byteLength(JSON.stringify(item))).toBeGreaterThan(3_000);
    expect(sizeOf(item)).toBeLessThanOrEqual(4_096);
    expect(JSON.stringify(item)).not.toContain('PCI-DSS');
  });
});

/** Size as DynamoDB counts it: names and values in UTF-8, 3 bytes and one per member for each map or list. */
function sizeOf(attributes: Record<string, unknown>): number {
  const value = (attribute: unknown): number => {
    const [[type, content]] = Object.entries(attribute as object) as [[string, never]];
    if (type === 'M')
      return 3 + Object.entries(content as object).reduce((sum, [name, member]) => sum + 1 + name.length + value(member), 0);
    if (type === 'L') return 3 + (content as unknown[]).reduce<number>((sum, member) => sum + 1 + value(member), 0);
    return type === 'S' ? Buffer.byteLength(content) : type === 'N' ? Math.ceil(String(content).length / 2) + 1 : 1;
  };
  return Object.entries(attributes).reduce((sum, [name, attribute]) => sum + name.length + value(attribute), 0);
}
