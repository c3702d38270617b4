/** May a version be used, and what should who uses it know? One rule for promotions, rollbacks and whoever else brings a version somewhere. */
import { Refusal } from '../errors.ts';
import type { Lifecycle, VersionStanding } from './lifecycle.ts';

export interface Use {
  artifact: string;
  version: string;
  standing: VersionStanding;
  /** From the configuration: versions past their end are refused. */
  blockEol: boolean;
}

/** Why nobody may bring the version anywhere; undefined when one may. */
export function refusedBecause({ artifact, version, standing, blockEol }: Use): { why: string; hint: string } | undefined {
  const { quarantine, lifecycle } = standing;
  if (quarantine)
    return {
      why: `${artifact} ${version} is in quarantine since ${quarantine.at}: ${quarantine.reason}`,
      hint: `choose another version; who holds "lifecycle.edit" lets it go: greenlight quarantine ${version} --release --reason TEXT`,
    };
  if (blockEol && lifecycle.status === 'eol')
    return {
      why: `${artifact} ${version} has reached its end of life${lifecycle.eolDate ? ` on ${lifecycle.eolDate}` : ''}, and artifacts.support.block_eol refuses such versions`,
      hint: lifecycle.replacement ? `use ${lifecycle.replacement}` : 'use a version that is supported',
    };
  return undefined;
}

/** Refusal VERSION_REFUSED. */
export function refuseUnusable(use: Use): void {
  const refused = refusedBecause(use);
  if (refused) throw new Refusal('VERSION_REFUSED', refused.why, { hint: refused.hint });
}

/** What whoever uses the version should know; empty for one that is active. */
export function lifecycleWarnings(artifact: string, version: string, { lifecycle, quarantine }: VersionStanding): string[] {
  const name = `${artifact} ${version}`;
  const move = lifecycle.replacement ? `; move to ${lifecycle.replacement}` : '';
  return [
    ...(quarantine ? [`${name} is in quarantine since ${quarantine.at}: ${quarantine.reason}`] : []),
    ...(lifecycle.status === 'eol'
      ? [`${name} is past its end of life${on(lifecycle.eolDate)} and not supported any more${move}`]
      : lifecycle.status === 'deprecated'
        ? [`${name} is deprecated${since(lifecycle)}${until(lifecycle)}${move}`]
        : []),
  ];
}

function on(date: string | undefined): string {
  return date === undefined ? '' : ` (${date})`;
}

function since({ deprecationDate }: Lifecycle): string {
  return deprecationDate === undefined ? '' : ` since ${deprecationDate}`;
}

function until({ eolDate, estimated }: Lifecycle): string {
  return eolDate === undefined ? '' : `; its ${estimated ? 'estimated ' : ''}end of life is ${eolDate}`;
}
