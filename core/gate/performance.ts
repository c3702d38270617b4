/** Compares what was measured of a version with what was recorded of the last good one: the version that runs where this one is to go. */
import * as z from 'zod';
import type { PerformanceGate } from './definition.ts';
import type { GateOutcome } from './gate.ts';

/** Figures by name; of each, more is worse: milliseconds, errors, bytes. */
export type Figures = Record<string, number>;

const MOST_FIGURES = 50;
const figures = z
  .record(z.string().regex(/^[A-Za-z][\w.-]{0,63}$/), z.number().nonnegative())
  .refine((record) => Object.keys(record).length <= MOST_FIGURES, `at most ${MOST_FIGURES} figures`);

/** Evidence of a measuring service: figures by name, or one figure with its baseline. What stands there besides is its own affair. */
export const measurementSchema = z.union([
  z.object({ figures, samples: z.number().nonnegative().optional(), baseline: figures.optional() }),
  z
    .object({ baseline: z.number().positive(), measured: z.number().nonnegative(), samples: z.number().nonnegative().optional() })
    .transform(({ baseline, measured, samples }) => ({
      figures: { measured },
      baseline: { measured: baseline },
      ...(samples === undefined ? {} : { samples }),
    })),
]);

export interface Measurement {
  figures: Figures;
  /** How many observations they rest on; absent: nobody knows. */
  samples?: number | undefined;
  /** What the service itself compares with; absent: what was recorded. */
  baseline?: Figures | undefined;
}

/** The version that runs in the target, and the figures that were recorded when it was promoted there. */
export interface LastGood {
  version: string;
  figures?: Figures;
}

/** Missing data is never a pass: it is inconclusive, which blocks. `lastGood` undefined: nothing runs there yet. */
export function checkPerformance(definition: PerformanceGate, measurement: Measurement, lastGood: LastGood | undefined): GateOutcome {
  const { figures: measured, samples } = measurement;
  const inconclusive = (message: string, resolution: string): GateOutcome => ({
    status: 'inconclusive',
    message,
    resolution,
    figures: measured,
  });
  if (Object.keys(measured).length === 0) return inconclusive('nothing was measured', 'let the measurement finish, then POST …/retry');
  const wanted = definition.minSamples;
  if (wanted > 0 && !((samples ?? Number.NaN) >= wanted)) {
    const found = samples === undefined ? 'an unknown number of samples' : `${samples} samples`;
    return inconclusive(`measured over ${found}, at least ${wanted} are needed`, 'measure longer or under more load, then POST …/retry');
  }
  const baseline = measurement.baseline ?? lastGood?.figures;
  if (baseline === undefined || Object.keys(baseline).length === 0) {
    if (lastGood !== undefined)
      return inconclusive(
        `nothing was recorded of ${lastGood.version}, which runs there`,
        'let the service answer a baseline as well, or waive the gate once: what is measured now is recorded for the next version',
      );
    return { status: 'passed', message: `nothing to compare with yet; recorded: ${listed(measured)}`, resolution: '', figures: measured };
  }
  const missing = Object.keys(baseline).filter((name) => !Object.hasOwn(measured, name));
  if (missing.length > 0) return inconclusive(`${missing.join(', ')} was not measured`, 'measure what the baseline has, then POST …/retry');
  const compared = Object.entries(baseline).map(([name, before]) => ({
    name,
    before,
    now: measured[name]!,
    percent: growth(before, measured[name]!),
  }));
  const worse = compared.filter(({ percent }) => percent > definition.maxRegressionPercent);
  const shown = (worse.length > 0 ? worse : compared).map(
    ({ name, before, now, percent }) => `${name}: measured ${now} against a baseline of ${before}: ${percent.toFixed(1)} %`,
  );
  const of = measurement.baseline === undefined ? ` (recorded of ${lastGood!.version})` : '';
  const message = `${shown.join('; ')} (at most ${definition.maxRegressionPercent} %)${of}`;
  if (worse.length === 0) return { status: 'passed', message, resolution: '', figures: measured };
  const resolution = 'find what became slower, or have the baseline renewed if the change is wanted';
  return { status: 'failed', message, resolution, figures: measured };
}

/** From nothing to something is more than any tolerance. */
function growth(before: number, now: number): number {
  if (before === 0) return now === 0 ? 0 : Number.POSITIVE_INFINITY;
  return ((now - before) / before) * 100;
}

function listed(measured: Figures): string {
  return Object.entries(measured)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

/** What a query may name. */
const MEMBERS = ['artifact', 'version', 'digest', 'environment'] as const;
type QuerySubject = Record<(typeof MEMBERS)[number], string>;

/** The query with `{{version}}` and the others filled in, as text within quotes: a version cannot end the string that it stands in. */
export function fillPerformanceQuery(query: string, subject: QuerySubject): string {
  return query.replace(/\{\{(\w+)\}\}/g, (whole, name: string) =>
    Object.hasOwn(subject, name)
      ? subject[name as keyof QuerySubject].replace(/["\\\n]/g, (character) => (character === '\n' ? ' ' : `\\${character}`))
      : whole,
  );
}

/** Members that a query names and that do not exist. */
export function unknownPerformanceMembers(query: string): string[] {
  return [...query.matchAll(/\{\{(\w+)\}\}/g)].flatMap(([, name]) => ((MEMBERS as readonly string[]).includes(name!) ? [] : [name!]));
}
