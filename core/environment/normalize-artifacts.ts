/** Gives `artifacts` of the configuration file its defaults and meaning, and says what would never do anything. */
import type { ConfiguredLifecycle, LifecycleConfiguration } from '../lifecycle/lifecycle.ts';
import { isDay, readSupportWindow, type SupportWindow } from '../lifecycle/support-window.ts';
import type { LegalHold, RetentionConfiguration } from '../retention/configuration.ts';
import { matchesEveryVersion } from '../retention/tag-pattern.ts';
import type { ConfigurationFile } from './configuration-schema.ts';
import { secondsOf } from './duration.ts';
import type { Refuse } from './refuse.ts';

const DAY = 86_400;
const DEFAULT = { keepLast: 10, keepDays: 90, keepRollbacks: 3, grace: DAY, maxDeletePercent: 60, pricePerGb: 0.1 };
/** Who plans on Friday must be able to apply on Monday. */
const LONGEST_GRACE = 30 * DAY;
const WINDOW_HINT = 'write for example 12 months, 1 year or 90 days';
const MONTHS_2: SupportWindow = { text: '2 months', months: 2, days: 0 };

export function normalizeRetention(file: ConfigurationFile, refuse: Refuse, warnings: string[]): RetentionConfiguration | undefined {
  const written = file.artifacts?.retention;
  if (!written) return undefined;
  const at = ['artifacts', 'retention'] as const;
  const graceSeconds = written.grace === undefined ? DEFAULT.grace : secondsOf(written.grace);
  if (graceSeconds === undefined || graceSeconds > LONGEST_GRACE)
    refuse([...at, 'grace'], `"${written.grace}" is not a length of time up to 30 days`, 'write for example 24h or 2d');
  for (const pattern of written.protected_tags ?? [])
    if (matchesEveryVersion(pattern))
      warnings.push(
        `artifacts.retention.protected_tags: "${pattern}" matches every version, so nothing is ever deleted: protection is absolute`,
      );
  const keepLast = written.keep_last_versions ?? DEFAULT.keepLast;
  if (keepLast === 0)
    warnings.push('artifacts.retention.keep_last_versions is 0: the newest version of an artifact that nothing uses may be deleted');
  return {
    keepLast,
    keepDays: written.keep_duration_days ?? DEFAULT.keepDays,
    protectedTags: written.protected_tags ?? [],
    keepRollbacks: written.keep_rollback_versions ?? DEFAULT.keepRollbacks,
    legalHolds: (written.legal_hold ?? []).map(holdOf),
    schedule: written.delete_schedule ?? 'daily',
    graceSeconds: graceSeconds ?? DEFAULT.grace,
    maxDeletePercent: written.max_delete_percent ?? DEFAULT.maxDeletePercent,
    pricePerGb: written.price_per_gb_month ?? DEFAULT.pricePerGb,
  };
}

/** `name:version`, `name@sha256:…`, or a version or digest of any artifact. */
function holdOf(text: string): LegalHold {
  const digest = /^(?:(.+)@)?(sha256:[a-f0-9]{64})$/.exec(text);
  if (digest) return { digest: digest[2]!, ...(digest[1] ? { artifact: digest[1] } : {}) };
  return named(text);
}

/** `payment-api:1.0.0` is one artifact's; `1.0.0` any artifact's. */
function named(text: string): { artifact?: string; version: string } {
  const colon = text.lastIndexOf(':');
  return colon > 0 ? { artifact: text.slice(0, colon), version: text.slice(colon + 1) } : { version: text };
}

export function normalizeLifecycle(file: ConfigurationFile, refuse: Refuse, warnings: string[]): LifecycleConfiguration {
  const at = ['artifacts', 'lifecycle'] as const;
  const only = platformArtifact(file);
  const window = (text: string | undefined, path: readonly PropertyKey[]): SupportWindow | undefined => {
    const read = text === undefined ? undefined : readSupportWindow(text);
    if (text !== undefined && !read) refuse(path, `"${text}" is not a length of time`, WINDOW_HINT);
    return read;
  };
  const entries = Object.entries(file.artifacts?.lifecycle ?? {}).map(([key, written]): ConfiguredLifecycle => {
    const day = (text: string | undefined, name: string) => {
      if (text !== undefined && !isDay(text)) refuse([...at, key, name], `"${text}" is not a day`, 'write for example 2027-01-15');
    };
    day(written.eol_date, 'eol_date');
    day(written.deprecation_date, 'deprecation_date');
    const { eol_date: eolDate, deprecation_date: deprecationDate, replacement } = written;
    if (eolDate !== undefined && deprecationDate !== undefined && deprecationDate > eolDate)
      refuse([...at, key], 'it is deprecated after its end of life', 'the deprecation date comes first');
    const supportWindow = window(written.support_window, [...at, key, 'support_window']);
    const { artifact = only, version } = named(key);
    if (artifact === undefined && Object.keys(file.catalog ?? {}).filter((name) => name !== '*').length > 1)
      warnings.push(`artifacts.lifecycle: "${key}" holds for version ${key} of every artifact; write NAME:${key} for one of them`);
    return {
      version,
      status: written.status,
      ...(artifact === undefined ? {} : { artifact }),
      ...(eolDate === undefined ? {} : { eolDate }),
      ...(deprecationDate === undefined ? {} : { deprecationDate }),
      ...(replacement === undefined ? {} : { replacement }),
      ...(supportWindow === undefined ? {} : { supportWindow }),
    };
  });
  const { support } = file.artifacts ?? {};
  const place = ['artifacts', 'support'] as const;
  const usual = window(support?.window, [...place, 'window']);
  return {
    entries,
    support: {
      ...(usual ? { window: usual } : {}),
      deprecateBefore: window(support?.deprecate_before, [...place, 'deprecate_before']) ?? MONTHS_2,
      remindDays: (support?.remind_before ?? ['90 days', '30 days', '7 days']).flatMap((text) => {
        const read = window(text, [...place, 'remind_before']);
        return read ? [read.months * 30 + read.days] : [];
      }),
      blockEol: support?.block_eol ?? false,
    },
  };
}

/** The artifact of `platform.ref`, which seed 001's blocks speak of. */
function platformArtifact(file: ConfigurationFile): string | undefined {
  const ref = file.platform?.ref;
  if (ref === undefined) return undefined;
  return /^(?:oci:\/\/)?[^/]+\/(?:.*\/)?([^/:@]+)(?::[^/]*)?(?:@.*)?$/.exec(ref)?.[1];
}
