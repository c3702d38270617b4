/** Lengths of time as people write them in the configuration. */

const UNIT_SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;

/** Seconds of `90`, `300s`, `5m`, `1h`, `7d`; undefined for anything else. */
export function secondsOf(text: string | number): number | undefined {
  if (typeof text === 'number') return Number.isSafeInteger(text) && text >= 0 ? text : undefined;
  const match = /^([0-9]{1,9})(s|m|h|d)$/.exec(text.trim());
  return match ? Number(match[1]) * UNIT_SECONDS[match[2] as keyof typeof UNIT_SECONDS] : undefined;
}
