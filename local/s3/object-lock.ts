/** The rules of Object Lock: what may be deleted, and which change of a retention is allowed. */
import type { Instant } from '../clock.ts';
import type { ObjectVersion } from './object-version.ts';
import { lockedError, S3Error } from './s3-error.ts';

export type RetentionMode = 'COMPLIANCE' | 'GOVERNANCE';

export interface Retention {
  mode: RetentionMode;
  until: Instant;
}

/** Default of a bucket: exactly one of days and years. */
export interface DefaultRetention {
  mode: RetentionMode;
  days?: number;
  years?: number;
}

const DAY_MS = 86_400_000;
/** Longest retention that S3 takes: 100 years. */
const MAX_DAYS = 36_500;

/** Retention that a new version gets from its bucket. */
export function retentionFrom(rule: DefaultRetention, now: Instant): Retention {
  return { mode: rule.mode, until: now + (rule.days ?? rule.years! * 365) * DAY_MS };
}

export function readMode(mode: string | undefined): RetentionMode {
  if (mode !== 'COMPLIANCE' && mode !== 'GOVERNANCE') throw new S3Error('InvalidArgument', 'Unknown wormMode directive.');
  return mode;
}

/** Reads a retain-until date, ISO 8601, which must lie in the virtual future. */
export function readRetainUntil(text: string | undefined, now: Instant): Instant {
  const until = /^\d{4}-\d\d-\d\dT/.test(text ?? '') ? Date.parse(text!) : Number.NaN;
  if (Number.isNaN(until)) throw new S3Error('InvalidArgument', 'The retain until date must be provided in ISO 8601 format');
  if (until <= now) throw new S3Error('InvalidArgument', 'The retain until date must be in the future!');
  return until;
}

/** Reads the default rule of a bucket. */
export function readDefaultRetention(mode: string | undefined, days: number | undefined, years: number | undefined): DefaultRetention {
  if ((days === undefined) === (years === undefined)) {
    throw new S3Error('MalformedXML', 'The XML you provided was not well-formed or did not validate against our published schema');
  }
  const period = (days ?? 0) + (years ?? 0) * 365;
  if (!Number.isInteger(period) || period < 1)
    throw new S3Error('InvalidArgument', 'Default retention period must be a positive integer value.');
  if (period > MAX_DAYS) throw new S3Error('InvalidArgument', 'Default retention period too large.');
  return { mode: readMode(mode), ...(days === undefined ? { years: years! } : { days }) };
}

/** Throws when the version may not be deleted. Only GOVERNANCE yields to `bypass`: header and permission together. */
export function assertDeletable(version: ObjectVersion, now: Instant, bypass: boolean): void {
  if (version.legalHold) throw lockedError();
  if (!version.retention || version.retention.until <= now) return;
  if (version.retention.mode === 'COMPLIANCE' || !bypass) throw lockedError();
}

/** Throws when a retention may not become `next`; undefined removes it. */
export function assertRetentionChange(current: Retention | undefined, next: Retention | undefined, now: Instant, bypass: boolean): void {
  if (!current || current.until <= now) return;
  if (current.mode === 'GOVERNANCE' && bypass) return;
  if (next?.mode !== current.mode || next.until < current.until) throw lockedError();
}
