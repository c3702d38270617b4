/** Asks a Prometheus-compatible service (`GET /api/v1/query`). What it answers is foreign: bounded in time and bytes, never logged. */
import { messageOf } from '../../core/errors.ts';
import type { MetricSource } from '../../core/rollout/ports.ts';
import { egress } from '../egress.ts';
import { resolveReference } from '../references.ts';

const DEADLINE_MS = 5_000;
const MAX_BYTES = 1024 * 1024;
/** A service that restarts: 1 + 2 s. */
const ATTEMPTS = 3;
const PAUSE_MS = 1_000;

/** The one number of an instant vector with one series, or of a scalar. Everything else is `none` with its reason. */
export const askPrometheus: MetricSource = async (check, query) => {
  const origin = /^(ssm|secret):/.test(check.prometheus) ? await resolveReference(check.prometheus) : check.prometheus;
  const headers = check.bearer === undefined ? {} : { authorization: `Bearer ${await resolveReference(check.bearer)}` };
  const url = new URL(`${origin.replace(/\/+$/, '')}/api/v1/query`);
  url.searchParams.set('query', query);
  for (let attempt = 1; ; attempt++) {
    let reason: string;
    try {
      const { status, body } = await egress.request({ url: url.href, headers, deadlineMs: DEADLINE_MS, maxBytes: MAX_BYTES });
      if (status === 200) return numberOf(body.toString('utf8'));
      reason = `the metrics service answered ${status}`;
      if (status < 500 && status !== 429) return { kind: 'none', reason, unreached: true };
    } catch (error) {
      reason = `the metrics service did not answer: ${messageOf(error)}`;
    }
    if (attempt >= ATTEMPTS) return { kind: 'none', reason, unreached: true };
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * attempt));
  }
};

function numberOf(text: string): Awaited<ReturnType<MetricSource>> {
  const none = (reason: string) => ({ kind: 'none' as const, reason });
  let parsed: { status?: unknown; data?: { resultType?: unknown; result?: unknown } } | null;
  try {
    parsed = JSON.parse(text);
  } catch {
    return none('the metrics service did not answer JSON');
  }
  const { resultType, result } = parsed?.data ?? {};
  if (parsed?.status !== 'success' || !Array.isArray(result)) return none('the metrics service did not answer a result');
  if (resultType === 'vector' && result.length !== 1) {
    return none(result.length === 0 ? 'the query found nothing' : `the query found ${result.length} series where one is needed`);
  }
  const sample: unknown =
    resultType === 'vector' ? (result[0] as { value?: unknown })?.value : resultType === 'scalar' ? result : undefined;
  const value = Array.isArray(sample) ? sample[1] : undefined;
  // Prometheus writes numbers as text, `NaN` and `+Inf` among them.
  if (typeof value !== 'string' || !/^([+-]?Inf|NaN|[+-]?\d[\d.e+-]*)$/i.test(value))
    return none('the metrics service did not answer a number');
  return {
    kind: 'value',
    value: /inf/i.test(value) ? (value.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY) : Number(value),
  };
}
