/** What is kept and for how long, as the configuration says. */

export interface LegalHold {
  /** Undefined: whichever artifact has it. */
  artifact?: string;
  version?: string;
  digest?: string;
}

export interface RetentionConfiguration {
  /** So many of an artifact's newest releases stay, and what is newer than the oldest of them. */
  keepLast: number;
  /** What came within so many days stays. */
  keepDays: number;
  protectedTags: string[];
  /** Versions that each environment may go back to, besides what it runs. */
  keepRollbacks: number;
  legalHolds: LegalHold[];
  schedule: 'daily' | 'weekly' | 'never';
  /** Between a plan and the deletion. */
  graceSeconds: number;
  /** A plan that would delete a larger share of all artifacts is not carried out. */
  maxDeletePercent: number;
  /** USD for a GB (10^9 bytes) and month. */
  pricePerGb: number;
}
