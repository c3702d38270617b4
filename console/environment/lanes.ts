/** The answer of the environments, turned by a quarter: one lane per artifact, through the environments of the path. */
import type { Answered } from '../kit/operations.ts';

export type EnvironmentList = Answered<'listEnvironments'>;
type Item = EnvironmentList['items'][number];

export type Place = Item['artifacts'][number] & { environment: string; tier: Item['tier'] };

export interface Lane {
  artifact: string;
  tenant: string;
  places: readonly Place[];
}

export function lanesOf({ items }: EnvironmentList): Lane[] {
  const names = [...new Set(items.flatMap(({ artifacts }) => artifacts.map(({ artifact }) => artifact)))].sort();
  return names.map((artifact) => {
    const places = items.map(({ environment, tier, artifacts }): Place => {
      const found = artifacts.find((each) => each.artifact === artifact);
      return { ...(found ?? nothing(artifact, items)), environment, tier };
    });
    return { artifact, tenant: places[0]?.tenant ?? '', places };
  });
}

/** A place that the artifact has not reached. */
function nothing(artifact: string, items: readonly Item[]): Item['artifacts'][number] {
  const tenant = items.flatMap(({ artifacts }) => artifacts).find((each) => each.artifact === artifact)?.tenant ?? '';
  const flags = { frozen: false, locked: false, out_of_date: false, drifted: false };
  return { artifact, tenant, current: null, previous: null, health: 'unknown', held: [], flags, pending: [] };
}

/** Whether anything of it is wrong, waits for somebody, or is under way. */
export function needsAttention({ places }: Lane): boolean {
  return places.some(
    ({ health, flags, pending, rolledBack }) =>
      health === 'failed' || health === 'warning' || flags.drifted || flags.frozen || rolledBack !== undefined || pending.length > 0,
  );
}

/** Whether a version is newer than another by its numbers: 1.10.0 than 1.9.0. Names without numbers are compared as words. */
export function isNewer(version: string, than: string): boolean {
  return version.localeCompare(than, 'en', { numeric: true }) > 0;
}

/** The whole board in a sentence. */
export function summaryOf(lanes: readonly Lane[]): string {
  const places = lanes.flatMap((lane) => lane.places);
  const under = places.flatMap(({ pending }) => pending);
  const parts = [
    count(under.filter(({ phase }) => phase === 'pending_approval').length, 'waits for approval', 'wait for approval'),
    count(under.filter(({ state }) => state === 'deploying').length, 'is being deployed', 'are being deployed'),
    count(under.filter(({ phase }) => phase === 'blocked').length, 'is blocked', 'are blocked'),
    count(places.filter(({ health }) => health === 'failed').length, 'place has failed', 'places have failed'),
    count(places.filter(({ flags }) => flags.drifted).length, 'place has drifted', 'places have drifted'),
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? 'Nothing is under way, and nothing needs attention.' : `${parts.join(', ')}.`;
}

function count(number: number, one: string, many: string): string | undefined {
  return number === 0 ? undefined : `${number} ${number === 1 ? one : many}`;
}
