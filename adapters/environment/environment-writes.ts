/** Writes of an environment row that belong to a promotion's transaction. */
import type { EnvironmentChange, EnvironmentHistoryEntry } from '../../core/environment/environment.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import { digestSort, environmentKey, HEAD, historySort, waiterSort } from '../state/keys.ts';
import type { Write } from '../state/table.ts';

/** Each change under its own condition: a free row to acquire, the holder for everything else. A lower fence can never follow a higher one. */
export function environmentWrites(change: EnvironmentChange, promotion: Promotion, now: string): Write[] {
  const pk = environmentKey(change.environment, change.artifact);
  const head = { pk, sk: HEAD };
  const byHolder = { expression: 'holder = :holder', values: { ':holder': change.holder } };
  switch (change.kind) {
    case 'acquire':
      return [
        {
          update: head,
          expression:
            'SET holder = :holder, heldSince = :now, fence = :fence, environment = :environment, artifact = :artifact, tenant = :tenant, health = if_not_exists(health, :healthy) ADD revision :one',
          values: {
            ':now': now,
            ':fence': change.fence,
            ':environment': change.environment,
            ':artifact': change.artifact,
            ':tenant': promotion.tenant,
            ':healthy': 'healthy',
            ':one': 1,
          },
          condition: {
            expression: '(attribute_not_exists(holder) OR holder = :holder) AND (attribute_not_exists(fence) OR fence < :fence)',
            values: { ':holder': change.holder },
          },
        },
        { remove: { pk, sk: waiterSort(promotion.id) } },
      ];
    case 'release':
      return [
        {
          update: head,
          expression: `SET health = ${change.health ? ':health' : 'health'}${change.rolledBack ? ', rolledBack = :rolledBack' : ''}${change.held ? ', held = :held' : ''} ADD revision :one REMOVE holder, heldSince`,
          values: {
            ':one': 1,
            ...(change.health ? { ':health': change.health } : {}),
            ...(change.rolledBack ? { ':rolledBack': change.rolledBack } : {}),
            ...(change.held ? { ':held': change.held } : {}),
          },
          condition: byHolder,
        },
        ...(change.history ? [historyPut(pk, change.history)] : []),
      ];
    case 'occupy':
      return [
        {
          update: head,
          expression: `SET #previous = :previous, #current = :occupant, health = :healthy, held = :held${change.rolledBack ? ', rolledBack = :rolledBack' : ''} ADD revision :one REMOVE holder, heldSince${change.rolledBack ? '' : ', rolledBack'}`,
          names: { '#previous': 'previous', '#current': 'current' },
          values: {
            ':occupant': change.occupant,
            ':previous': change.previous ?? null,
            ':healthy': 'healthy',
            ':held': change.held,
            ':one': 1,
            ...(change.rolledBack ? { ':rolledBack': change.rolledBack } : {}),
          },
          condition: byHolder,
        },
        historyPut(pk, change.history),
        { put: { PK: pk, SK: digestSort(change.occupant.digest), body: change.occupant } },
      ];
  }
}

function historyPut(pk: string, entry: EnvironmentHistoryEntry): Write {
  return { put: { PK: pk, SK: historySort(entry.at, entry.requestId), body: entry } };
}
