/** A waiver lets a promotion go on although a gate failed: typed, short-lived, given by a second person, and reviewed afterwards. */
import type { Party } from '../access/identity.ts';
import type { GateResult, GateType } from './gate.ts';

export interface Waiver {
  /** Name of the gate, or `skip_canary`. */
  gate: string;
  type: GateType | 'skip_canary';
  /** What was waived: a gate (or a rollout) that is defined otherwise by then is another one. */
  definitionHash: string;
  /** Who gave it: counts as requester from then on. */
  by: Party;
  at: string;
  /** ISO; an expired waiver no longer lets anything pass. */
  expiresAt: string;
  /** The review that it opened. */
  review: string;
  /** Steps that are left out, where no gate is waived. */
  skips?: string[];
}

/** Never waived: what proves that the bytes are the right ones. Identity, tenants and the log are no gates at all. */
const NEVER: ReadonlySet<GateType> = new Set(['signature']);

export function isWaivable(type: GateType): boolean {
  return !NEVER.has(type);
}

/** The waiver that covers a gate now. */
export function waiverFor(
  waivers: readonly Waiver[] | undefined,
  gate: Pick<GateResult, 'name' | 'definitionHash'>,
  now: string,
): Waiver | undefined {
  return waivers?.find(
    ({ gate: name, definitionHash, expiresAt }) => name === gate.name && definitionHash === gate.definitionHash && now < expiresAt,
  );
}

/** Did not pass, and a person may answer for it. A gate that has no result at all was not looked at, and is not waived. */
const MAY_BE_WAIVED: ReadonlySet<GateResult['status']> = new Set(['failed', 'errored', 'inconclusive']);

export function mayBeWaived({ status, type }: Pick<GateResult, 'status' | 'type'>): boolean {
  return MAY_BE_WAIVED.has(status) && isWaivable(type);
}

/** The gate has run and did not pass; the waiver lets it count, and what it found stays to be read. */
export function waived(result: GateResult, waivers: readonly Waiver[] | undefined, now: string): GateResult {
  const waiver = mayBeWaived(result) ? waiverFor(waivers, result, now) : undefined;
  if (!waiver) return result;
  return { ...result, status: 'waived', message: `waived by ${waiver.by.email}; it had ${result.status}: ${result.message}` };
}
