/** Reads what keeps an environment closed now. */
import type { Configuration } from '../../core/environment/configuration.ts';
import { type Hold, holdOf } from '../../core/environment/hold.ts';
import { type EnvironmentLock, lockOver } from '../../core/environment/lock.ts';
import type { WindowConfiguration, WindowState } from '../../core/environment/window.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import { clock, configuration, locks } from '../kit/state.ts';

export type Held = Pick<Promotion, 'to' | 'tenant' | 'artifact' | 'kind'>;

/** Undefined when nothing keeps it. By the configuration and the locks of this moment: a freeze that is new holds what is older than it. */
export async function holdOn(promotion: Held, config?: Configuration): Promise<Hold | undefined> {
  const { environments } = config ?? (await configuration());
  const [lock, window] = await Promise.all([
    locks.of(promotion.to).then((all) => lockOver(all, promotion)),
    windowNow(environments[promotion.to]?.windows),
  ]);
  return holdOf({ environment: promotion.to, kind: promotion.kind, lock, window });
}

export async function lockOn(environment: string, subject: Pick<Held, 'tenant' | 'artifact'>): Promise<EnvironmentLock | undefined> {
  return lockOver(await locks.of(environment), subject);
}

/** State of the windows at any instant; undefined where there are none. The calendar is loaded where there are. */
export async function windowsOf(
  windows: readonly WindowConfiguration[] | undefined,
): Promise<((instant: string) => WindowState) | undefined> {
  if (!windows?.length) return undefined;
  const { windowState } = await import('../../core/environment/window.ts');
  return (instant) => windowState(windows, new Date(instant));
}

export async function windowNow(windows: readonly WindowConfiguration[] | undefined): Promise<WindowState | undefined> {
  return (await windowsOf(windows))?.(clock.now().toISOString());
}
