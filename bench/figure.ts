/** What every benchmark answers: each figure with the peer or limit that it is measured against. */
export interface Figure {
  metric: string;
  value: number;
  unit: string;
  /** Peer or limit; `none` where the figure stands for itself, `not installed` where the peer is missing on this machine. */
  reference: string;
  referenceValue: number | null;
  /** value / referenceValue; smaller is better. Null where the reference is 0. */
  ratio: number | null;
  /** Largest ratio that is accepted. */
  target: number | null;
  ok: boolean | null;
}

export interface Benchmark {
  name: string;
  figures: Figure[];
}

/** A figure that must stay at or below `limit`. */
export function limited(metric: string, value: number, unit: string, reference: string, limit: number): Figure {
  return { metric, value, unit, reference, referenceValue: limit, ratio: round(value / limit), target: 1, ok: value <= limit };
}

/** A figure held against a peer that was measured in the same run; `peer` is undefined where it is not installed. `target` is a share of the peer's. */
export function compared(metric: string, value: number, unit: string, reference: string, peer: number | undefined, target: number): Figure {
  if (peer === undefined) return { metric, value, unit, reference: 'not installed', referenceValue: null, ratio: null, target, ok: null };
  return { metric, value, unit, reference, referenceValue: peer, ratio: round(value / peer), target, ok: value <= target * peer };
}

/** How often something happened that must never happen. */
export function never(metric: string, value: number, unit: string): Figure {
  return { metric, value, unit, reference: "the project's limit", referenceValue: 0, ratio: null, target: 0, ok: value === 0 };
}

/** A figure that informs and is held against nothing. */
export function informing(metric: string, value: number, unit: string): Figure {
  return { metric, value, unit, reference: 'none', referenceValue: null, ratio: null, target: null, ok: null };
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
