/** What every benchmark answers: each figure with the peer or limit that it is measured against. */
export interface Figure {
  metric: string;
  value: number;
  unit: string;
  /** Peer or limit; `none` where the figure stands for itself, `not installed` where the peer is missing on this machine. */
  reference: string;
  referenceValue: number | null;
  /** value / referenceValue; smaller is better. */
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

/** A figure that informs and is held against nothing. */
export function informing(metric: string, value: number, unit: string): Figure {
  return { metric, value, unit, reference: 'none', referenceValue: null, ratio: null, target: null, ok: null };
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
