/** Where versions of an artifact are in their life, read now. */
import { standingOf, type VersionStanding } from '../../core/lifecycle/lifecycle.ts';
import { clock, configuration } from '../kit/state.ts';
import { lifecycles } from './lifecycles.ts';

export async function standingNow(artifact: string, version: string, digest?: string): Promise<VersionStanding> {
  return (await standingsNow(artifact))(version, digest);
}

/** The same of several versions by one read. */
export async function standingsNow(artifact: string): Promise<(version: string, digest?: string, createdAt?: string) => VersionStanding> {
  const [config, records] = await Promise.all([configuration(), lifecycles.of(artifact)]);
  const now = clock.now();
  return (version, digest, createdAt) => standingOf({ configuration: config, artifact, version, digest, records, createdAt, now });
}
