/** Writes of pins that belong to a promotion's transaction. */
import { Refusal } from '../../core/errors.ts';
import type { PinChange } from '../../core/retention/pin.ts';
import { HEAD, pinKey } from '../state/keys.ts';
import type { Condition, Write } from '../state/table.ts';

/** The row as `mayPin` wants it. */
const mayPin = (now: string): Condition => ({
  expression: 'attribute_not_exists(deletedBy) OR closedUntil <= :now',
  values: { ':now': now },
});

/** One update per digest. Pins are sets, so that nothing has to be read first and nobody overwrites the pins of others. */
export function pinWrite(change: PinChange, now: string): Write {
  const { artifact, digest, addRequest, removeRequest, addEnvironment } = change;
  const adds = [...(addRequest ? ['requests :request'] : []), ...(addEnvironment ? ['environments :environment'] : [])];
  const update = { pk: pinKey(artifact, digest), sk: HEAD };
  const values = {
    ...(addRequest || removeRequest ? { ':request': new Set([addRequest ?? removeRequest]) } : {}),
    ...(addEnvironment ? { ':environment': new Set([addEnvironment]) } : {}),
  };
  if (adds.length === 0) return { update, expression: 'DELETE requests :request', values };
  // Of a deletion that is long over nothing stays.
  const expression = `ADD ${adds.join(', ')}${removeRequest ? ' DELETE requests :request' : ''} REMOVE deletedBy, closedUntil, #ttl`;
  const isOwn = removeRequest !== undefined;
  // Who hands the own pin over to the environment has held it all the time: nothing can have been decided against it.
  return { update, expression, names: { '#ttl': 'ttl' }, values, ...(isOwn ? {} : { condition: mayPin(now) }) };
}

export function deletingRefusal({ artifact, digest }: PinChange): Refusal {
  return new Refusal('ARTIFACT_DELETING', `${artifact} ${digest} is being deleted, or was deleted within the last minutes`, {
    hint: 'publish the version again, wait ten minutes, then repeat the request; or choose a version that is kept',
  });
}
