import { expect, it } from 'vitest';
import type { GateResult } from '../../../core/gate/gate.ts';
import { afterChange, type PromotionAggregate } from '../../../core/promotion/aggregate.ts';
import { engineChange } from '../../../core/promotion/engine-change.ts';
import { created, prodPlan, promotionIn } from './fixture.ts';

const gate = (name: string, status: GateResult['status']): GateResult => ({
  ...{ name, type: 'policy', status, message: '', resolution: '', definitionHash: '' },
});
const { plan, spec } = prodPlan();
const before = (): PromotionAggregate => ({
  promotion: promotionIn('validating'),
  texts: { spec },
  plan,
  gates: [gate('policy', 'running'), gate('http', 'passed')],
  history: [],
});
const change = ({ promotion }: PromotionAggregate) =>
  engineChange(promotion, promotion, { type: 'gate.finished', action: 'gate_finished', data: {} });
const head = ({ promotion }: PromotionAggregate, more: object = {}) => ({
  ...promotion,
  seq: 7,
  updatedAt: '2026-11-20T12:00:01.000Z',
  ...more,
});

it('is a new request with its texts, its plan and one line of history', () => {
  const change = created();
  const found = afterChange(change, { ...change.after, seq: 1 });
  expect(found).toEqual({
    promotion: { ...change.after, seq: 1 },
    texts: change.texts,
    plan: change.plan,
    gates: [],
    history: [{ seq: 1, action: 'created', at: change.after.updatedAt, by: change.event.actor }],
  });
});

it('has a gate that was finished in the place of the one that ran', () => {
  const request = before();
  const found = afterChange({ ...change(request), gates: [gate('policy', 'failed')] }, head(request), request);
  expect(found.gates.map(({ name, status }) => [name, status]).sort()).toEqual([
    ['http', 'passed'],
    ['policy', 'failed'],
  ]);
  expect(found.history).toMatchObject([{ seq: 7, action: 'gate_finished', at: '2026-11-20T12:00:01.000Z' }]);
  expect(found).toMatchObject({ texts: request.texts, plan });
});

it('has no results of an earlier attempt', () => {
  const request = before();
  expect(afterChange(change(request), head(request, { attempt: 2 }), request).gates).toEqual([]);
});

it('is nothing that can be known when the request was not read', () => {
  const request = before();
  expect(() => afterChange(change(request), head(request))).toThrow('without having been read');
});
