/** What was measured of a version: by a service that answers evidence, or by queries to a Prometheus-compatible one. */
import type { PerformanceGate } from '../../core/gate/definition.ts';
import type { GateOutcome } from '../../core/gate/gate.ts';
import {
  checkPerformance,
  type Figures,
  fillPerformanceQuery,
  type LastGood,
  type Measurement,
  measurementSchema,
} from '../../core/gate/performance.ts';
import { environmentStore } from '../environment/environment-store.ts';
import { promotionStore } from '../promotion/promotion-store.ts';
import { askPrometheus } from '../rollout/prometheus.ts';
import { openTable } from '../state/table.ts';
import type { GatePlace } from './gate-place.ts';
import { askService, parse, unexpected } from './http-gate.ts';

/** What runs where a subject is to go, and what was recorded of it; undefined: nothing runs there. */
export type LastGoodOf = (place: GatePlace, gate: string) => Promise<LastGood | undefined>;

export async function runPerformanceGate(definition: PerformanceGate, place: GatePlace, lastGoodOf: LastGoodOf): Promise<GateOutcome> {
  const lastGood = await lastGoodOf(place, definition.name);
  if (definition.metrics === undefined) {
    const baseline = lastGood === undefined ? {} : { lastGood: { version: lastGood.version, figures: lastGood.figures ?? null } };
    const answer = await askService({ ...definition, url: definition.url! }, place, undefined, baseline);
    const parsed = measurementSchema.safeParse(parse(answer.body));
    if (answer.status !== 200 || !parsed.success)
      return unexpected('the service does not answer 200 with {"figures": {…}, "samples"?} or {"baseline": number, "measured": number}');
    return checkPerformance(definition, parsed.data, lastGood);
  }
  const measurement = await measure(definition, definition.metrics, place);
  return 'status' in measurement ? measurement : checkPerformance(definition, measurement, lastGood);
}

async function measure(definition: PerformanceGate, metrics: Record<string, string>, place: GatePlace): Promise<Measurement | GateOutcome> {
  const { artifact, version, digest, from: environment } = place.subject;
  const source = {
    name: definition.name,
    prometheus: definition.prometheus!,
    query: '',
    ...(definition.bearer ? { bearer: definition.bearer } : {}),
  };
  const ask = (query: string) => askPrometheus(source, fillPerformanceQuery(query, { artifact, version, digest, environment }));
  const inconclusive = (message: string): GateOutcome => ({
    status: 'inconclusive',
    message,
    resolution: 'check the query and that the version was measured, then POST …/retry',
  });
  const figures: Figures = {};
  for (const [name, query] of Object.entries(metrics)) {
    const answer = await ask(query);
    if (answer.kind !== 'value') return inconclusive(`${name}: ${answer.reason}`);
    if (!Number.isFinite(answer.value) || answer.value < 0) return inconclusive(`${name}: the value is ${answer.value}`);
    figures[name] = answer.value;
  }
  if (definition.samples === undefined) return { figures };
  const samples = await ask(definition.samples);
  return samples.kind === 'value'
    ? { figures, samples: samples.value }
    : inconclusive(`the number of samples is unknown: ${samples.reason}`);
}

/** From the state table: the gate's own result on the promotion that brought what runs there. */
export const recordedLastGood: LastGoodOf = async ({ subject: { to, artifact } }, gate) => {
  const table = openTable();
  const clock = { now: () => new Date() };
  const current = (await environmentStore(table, clock).get(to, artifact))?.current;
  if (!current) return undefined;
  const promotions = promotionStore(table, clock);
  const head = await promotions.head(current.requestId);
  const result = head && (await promotions.gates(head.id, head.attempt)).find(({ name }) => name === gate);
  return { version: current.version, ...(result?.figures ? { figures: result.figures } : {}) };
};
