/** Promotions in DynamoDB. One transaction per change: head, event, history line, and what follows from them. */
import { randomInt } from 'node:crypto';
import { monotonicFactory } from 'ulid';
import { principalKey } from '../../core/access/identity.ts';
import type { Decision } from '../../core/approval/decision.ts';
import { RECIPROCAL_DAYS } from '../../core/approval/suspicion.ts';
import { auditLine, eventId, lineHash } from '../../core/audit/line.ts';
import { hasReceipt } from '../../core/audit/receipt-due.ts';
import { Fault } from '../../core/errors.ts';
import type { GateResult } from '../../core/gate/gate.ts';
import { historyEntry, type PromotionAggregate } from '../../core/promotion/aggregate.ts';
import type { PromotionChange } from '../../core/promotion/change.ts';
import { isFinal } from '../../core/promotion/phase.ts';
import type { Plan } from '../../core/promotion/plan.ts';
import type { Clock, PromotionStore } from '../../core/promotion/ports.ts';
import type { HistoryEntry, Promotion, PromotionTexts } from '../../core/promotion/promotion.ts';
import { pinsOf } from '../../core/retention/pin.ts';
import { environmentWrites } from '../environment/environment-writes.ts';
import { policyWrite } from '../policy/policy-rows.ts';
import { deletingRefusal, pinWrite } from '../retention/pin-writes.ts';
import {
  counterKey,
  decisionKey,
  decisionSort,
  EVENT_PREFIX,
  eventSort,
  gateSort,
  gateSortPrefix,
  HEAD,
  linkKey,
  listingKey,
  NOTICE,
  OUTBOX,
  openKey,
  pairKey,
  planSort,
  RECEIPTS_DUE,
  REVIEWS,
  requestKey,
  TEXTS,
  WAKE,
} from '../state/keys.ts';
import { type Item, type Table, type Write, WriteConflict } from '../state/table.ts';
import { list, listOpen, outcomes, positionOf } from './listing.ts';

/**
 * Outbox, wake and notice rows are ordered by ulid; the time part comes from the clock port, so order follows the virtual clock too. Rows of one
 * change share their instant: monotonic ids keep them in the order of the change, or people read "approved" before they read by whom. Randomness comes
 * from Node's pool: the library's own asks the system for each of sixteen bytes.
 */
const nextUlid = monotonicFactory(() => randomInt(256) / 256);
const rowId = (clock: Clock): string => nextUlid(clock.now().getTime());
/** A request is read so often until its parts fit together: a change takes far longer than a read. */
const MOST_READS = 5;

export function promotionStore(table: Table, clock: Clock): PromotionStore {
  const store: PromotionStore = {
    async head(id) {
      return bodyOf<Promotion>(await table.get(requestKey(id), HEAD));
    },
    async texts(id) {
      return bodyOf<PromotionTexts>(await table.get(requestKey(id), TEXTS));
    },
    async plan(id, planHash) {
      return bodyOf<Plan>(await table.get(requestKey(id), planSort(planHash)));
    },
    async gates(id, attempt) {
      const items = await table.all({ pk: requestKey(id), prefix: gateSortPrefix(attempt) });
      return items.map((item) => item['body'] as GateResult);
    },
    async history(id) {
      const items = await table.all({ pk: requestKey(id), prefix: EVENT_PREFIX });
      return items.map((item) => item['body'] as HistoryEntry);
    },
    async decisions(id) {
      const items = await table.all({ pk: decisionKey(id) });
      return items.map((item) => ({ ...(item['body'] as Decision), ...(item['withdrawn'] ? { withdrawn: true } : {}) }));
    },
    async aggregate(id) {
      for (let tries = 0; tries < MOST_READS; tries++) {
        const rows = await table.all({ pk: requestKey(id) });
        if (rows.length === 0) return undefined;
        const aggregate = aggregateOf(id, rows);
        if (aggregate) return aggregate;
      }
      throw new Fault('UNAVAILABLE', `${id} changes faster than it can be read`);
    },
    list: (query) => list(table, query),
    listOpen: (query) => listOpen(table, query),
    outcomes: (query) => outcomes(table, query),
    async hasApproved(approver, requester) {
      const pair = await table.get(pairKey(approver), requester);
      // TTL deletes late: the date is always compared.
      return pair !== undefined && (pair['until'] as string) > clock.now().toISOString();
    },
    async commit(change) {
      const { writes, head } = writesOf(change, clock);
      const pins = pinsOf(change);
      try {
        await table.transact([...writes, ...pins.map((pin) => pinWrite(pin, head.updatedAt))]);
      } catch (error) {
        const pin = error instanceof WriteConflict && error.isRefused ? pins[error.index - writes.length] : undefined;
        throw pin ? deletingRefusal(pin) : error;
      }
      return head;
    },
    async nextId(year) {
      const counter = await table.update({
        update: { pk: counterKey(`requests-${year}`), sk: 'COUNTER' },
        expression: 'ADD #value :one',
        names: { '#value': 'value' },
        values: { ':one': 1 },
      });
      return `PR-${year}-${String(counter['value']).padStart(4, '0')}`;
    },
  };
  return store;
}

function bodyOf<Body>(item: Item | undefined): Body | undefined {
  return item?.['body'] as Body | undefined;
}

/**
 * The parts of a request from its rows in the order of their keys: history, gates, head, plans, texts. A query is no snapshot: when a change falls
 * into it, the head is newer than the history that was read before it. Then this is undefined, and another read finds what fits together. Plans and
 * texts are read after the head: if one of them is newer, no change that rests on this head can be stored any more.
 */
function aggregateOf(id: string, rows: readonly Item[]): PromotionAggregate | undefined {
  const bodiesOf = <Body>(prefix: string) =>
    rows.filter((row) => (row['SK'] as string).startsWith(prefix)).map((row) => row['body'] as Body);
  const [promotion] = bodiesOf<Promotion>(HEAD);
  const history = bodiesOf<HistoryEntry>(EVENT_PREFIX);
  if (!promotion || history.at(-1)?.seq !== promotion.seq) return undefined;
  const [plan] = bodiesOf<Plan>(planSort(promotion.planHash));
  const [texts] = bodiesOf<PromotionTexts>(TEXTS);
  if (!plan || !texts) throw new Error(`${id} has no plan ${promotion.planHash}, or no texts`);
  return { promotion, texts, plan, gates: bodiesOf<GateResult>(gateSortPrefix(promotion.attempt)), history };
}

/** The writes of one change to the request itself and what follows from it, and the head as they leave it. */
export function writesOf(change: PromotionChange, clock: Clock): { writes: Write[]; head: Promotion } {
  const now = clock.now().toISOString();
  const outboxKey = rowId(clock);
  const seq = (change.before?.seq ?? 0) + 1;
  const { after, event } = change;
  const line = auditLine(
    {
      rid: after.id,
      seq,
      prev: change.before?.lastLine ?? '',
      ts: now,
      tenant: after.tenant,
      artifact: after.artifact,
      digest: after.digest,
      from: after.from,
      to: after.to,
      plan: after.planHash,
    },
    event,
  );
  const head: Promotion = {
    ...after,
    version: (change.before?.version ?? 0) + 1,
    seq,
    lastLine: lineHash(line),
    lastOutboxKey: outboxKey,
    updatedAt: now,
  };
  const pk = requestKey(head.id);
  const writes: Write[] = [
    {
      put: {
        PK: pk,
        SK: HEAD,
        GPK: listingKey(head.to, head.tenant),
        GSK: positionOf(head),
        ...(isFinal(head.phase) ? {} : { OPK: openKey(head.tenant), OSK: positionOf(head) }),
        version: head.version,
        phase: head.phase,
        requesterKey: principalKey(head.requester),
        requesterEmail: head.requester.email,
        artifact: head.artifact,
        ...outcomeOf(head),
        body: head,
      },
      condition: change.before
        ? { expression: '#version = :before', names: { '#version': 'version' }, values: { ':before': change.before.version } }
        : { expression: 'attribute_not_exists(PK)' },
    },
    {
      put: { PK: OUTBOX, SK: outboxKey, id: eventId(head.id, seq), rid: head.id, seq, line },
      condition: { expression: 'attribute_not_exists(PK)' },
    },
    { put: { PK: pk, SK: eventSort(seq), body: historyEntry(event, head) }, condition: { expression: 'attribute_not_exists(PK)' } },
  ];
  if (change.texts) writes.push({ put: { PK: pk, SK: TEXTS, body: change.texts } });
  if (change.plan) writes.push({ put: { PK: pk, SK: planSort(head.planHash), body: change.plan } });
  for (const gate of change.gates ?? []) writes.push({ put: { PK: pk, SK: gateSort(head.attempt, gate.name), body: gate } });
  if (change.decision) {
    const { decision } = change;
    writes.push({
      put: { PK: decisionKey(head.id), SK: decisionSort(decision.planHash, decision.actor.key), body: decision },
      // Which decisions there are, and whether they count, was read after the head: its version guards them too.
      condition: { expression: change.replaces ? 'attribute_exists(PK)' : 'attribute_not_exists(PK)' },
    });
    if (decision.decision === 'approve' && decision.actor.kind === 'person') writes.push(pairWrite(decision.actor.key, head, clock));
  }
  if (change.review) {
    writes.push({
      put: { PK: REVIEWS, SK: change.review.id, tenant: change.review.tenant, body: change.review },
      condition: { expression: 'attribute_not_exists(PK)' },
    });
  }
  if (change.askedBy) writes.push(policyWrite(change.askedBy));
  for (const key of change.withdraw ?? []) {
    writes.push({
      update: { pk: decisionKey(head.id), sk: decisionSort(change.before!.planHash, key) },
      expression: 'SET withdrawn = :yes',
      values: { ':yes': true },
      condition: { expression: 'attribute_exists(PK)' },
    });
  }
  if (change.useLink) {
    writes.push({
      update: { pk: linkKey(change.useLink), sk: 'LINK' },
      expression: 'SET #state = :used, usedAt = :now, decision = :decision',
      names: { '#state': 'state' },
      values: { ':used': 'used', ':now': now, ':decision': change.decision?.decision ?? null },
      condition: { expression: '#state = :issued', values: { ':issued': 'issued' } },
    });
  }
  if (change.revokeLink) {
    writes.push({
      update: { pk: linkKey(change.revokeLink), sk: 'LINK' },
      expression: 'SET #state = :revoked',
      names: { '#state': 'state' },
      values: { ':revoked': 'revoked' },
      condition: { expression: 'attribute_exists(PK) AND #state <> :revoked' },
    });
  }
  // What a rollout has done gets a receipt, however it ended; who makes it looks here.
  if (hasReceipt(head)) writes.push({ put: { PK: RECEIPTS_DUE, SK: head.id, at: now } });
  if (change.environment) writes.push(...environmentWrites(change.environment, head, now));
  for (const wake of [change.wake ?? []].flat()) writes.push({ put: { PK: WAKE, SK: rowId(clock), at: now, body: wake } });
  for (const notice of change.notices ?? []) {
    writes.push({
      put: {
        PK: NOTICE,
        SK: rowId(clock),
        at: now,
        body: { ...notice, requestId: head.id, seq, attempt: head.attempt, planHash: head.planHash },
      },
    });
  }
  return { writes, head };
}

/** When something was last decided or done, and what: only then is the head in the index of outcomes. */
function outcomeOf({ approvedAt, rejectedAt, deployedAt }: Promotion): Item {
  const outcomeAt = [approvedAt, rejectedAt, deployedAt]
    .filter((at) => at !== undefined)
    .sort()
    .at(-1);
  return outcomeAt === undefined ? {} : { outcomeAt, approvedAt, rejectedAt, deployedAt };
}

/** That one has approved for the other: remembered for a while, so that two who approve each other are noticed. */
function pairWrite(approver: string, { requester }: Promotion, clock: Clock): Write {
  const until = clock.now().getTime() + RECIPROCAL_DAYS * 86_400_000;
  const SK = requester.owner?.key ?? requester.key;
  return { put: { PK: pairKey(approver), SK, until: new Date(until).toISOString(), ttl: Math.ceil(until / 1000) } };
}
