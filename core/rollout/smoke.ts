/** Judges what a workload answers to a smoke check. Everything but the expected answer counts as failure. */
import type { SmokeCheck } from '../environment/configuration.ts';

/** `lost`: the connection was refused or reset before any answer, as happens while a load balancer forgets a pod. */
export type SmokeAnswer =
  | { kind: 'answer'; status: number; body: string }
  | { kind: 'lost'; reason: string }
  | { kind: 'failed'; reason: string };

/** Why the answer is not the expected one, or undefined. The body comes from the workload: it never appears in the reason. */
export function judgeSmoke(check: SmokeCheck, answer: SmokeAnswer): string | undefined {
  if (answer.kind !== 'answer') return `${check.name}: ${answer.reason}`;
  if (answer.status !== check.status) return `${check.name}: ${check.path} answered ${answer.status} instead of ${check.status}`;
  if (check.contains !== undefined && !answer.body.includes(check.contains)) return `${check.name}: ${check.path} lacks the expected text`;
  if (check.json === undefined) return undefined;
  const body = parseObject(answer.body);
  if (!body) return `${check.name}: ${check.path} did not answer a JSON object`;
  for (const [member, wanted] of Object.entries(check.json)) {
    const value = Object.hasOwn(body, member) ? body[member] : undefined;
    if (wanted === null ? value === undefined || value === null : value !== wanted)
      return `${check.name}: ${check.path} answered another ${member} than expected`;
  }
  return undefined;
}

/** One in a thousand rollouts may miss every canary pod in one check. */
const MISSED = 0.001;
/** Even where all pods run the new version, a few requests meet a few pods. */
const FEWEST = 5;
const MOST = 100;

/**
 * Requests per check so that at least one meets a pod of the new version with probability 99.9 %, when the load balancer chooses by chance:
 * (1 - share)^n <= 0.001, so 66 at 10 % and 10 at 50 %. Below 6.7 % the cap of 100 requests makes it less likely. `weight` is the measured one.
 */
export function requestsFor(weight: number): number {
  const share = Math.min(1, weight / 100);
  if (share <= 0) return FEWEST;
  const needed = share >= 1 ? 1 : Math.ceil(Math.log(MISSED) / Math.log(1 - share));
  return Math.max(FEWEST, Math.min(MOST, needed));
}

/** Connections that may be lost (and are tried again) among so many requests: 5 %, but one at least. */
export function lostAllowed(requests: number): number {
  return Math.max(1, Math.floor(requests / 20));
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
