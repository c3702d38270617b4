/** What people and the engine have said of versions: rows `LIFECYCLE#<artifact>`, one for each version of which anything was said. */
import { Refusal } from '../../core/errors.ts';
import type { VersionRecord } from '../../core/lifecycle/lifecycle.ts';
import type { LifecycleChange, LifecycleStore } from '../../core/lifecycle/ports.ts';
import { sha256Hex } from '../../core/promotion/canonical-json.ts';
import { type Clock, changing } from '../../core/promotion/ports.ts';
import { outboxWrite } from '../audit/outbox.ts';
import { systemNotice } from '../notification/system-alerts.ts';
import { lifecycleKey, versionSort } from '../state/keys.ts';
import { type Item, type Table, type Write, WriteConflict } from '../state/table.ts';

/** More is a mistake: all rows of an artifact are read whenever one of its versions is used. */
const MOST_VERSIONS = 1_000;

export function lifecycleRows(table: Table, clock: Clock): LifecycleStore {
  return {
    async of(artifact) {
      return (await table.all({ pk: lifecycleKey(artifact), prefix: 'V#' })).map((row) => row['body'] as VersionRecord);
    },
    change({ tenant, artifact, version, key }, change, acting) {
      const place = { pk: lifecycleKey(artifact), sk: versionSort(key) };
      return changing(
        () => table.get(place.pk, place.sk),
        async (before) => {
          const old = (before?.['body'] as VersionRecord | undefined) ?? { version };
          const at = clock.now();
          const record = changed(old, change, at.toISOString(), acting.actor.email);
          if (!record) return undefined;
          if (!before && (await table.all({ pk: place.pk })).length >= MOST_VERSIONS)
            throw new Refusal('LIMIT', `${artifact} has ${MOST_VERSIONS} versions with a lifecycle of their own already`);
          const seq = Number(before?.['seq'] ?? 0) + 1;
          const rid = `sys:lifecycle:${sha256Hex(`${artifact}#${key}`).slice(0, 16)}` as const;
          const data = dataOf(artifact, version, change);
          const event = outboxWrite({
            ...{ rid, seq, prev: (before?.['lastLine'] as string | undefined) ?? '', tenant, at, about: { artifact } },
            event: { type: 'lifecycle.changed', ...acting, data: { ...data, ...reasonOf(change) } },
          });
          // Its tenant's subscribers get it.
          const told = { tenant, reason: `${artifact} ${version}: ${said(change)}`, ...data };
          const writes: Write[] = [
            { put: { PK: place.pk, SK: place.sk, seq, lastLine: event.lastLine, body: record }, condition: unchanged(before) },
            event.write,
            systemNotice(rid, { type: 'lifecycle.changed', data: told }, at),
          ];
          await table.transact(writes);
          return record;
        },
      );
    },
    async remind(artifact, key, version, reminder) {
      const place = { pk: lifecycleKey(artifact), sk: versionSort(key) };
      const before = await table.get(place.pk, place.sk);
      const old = (before?.['body'] as VersionRecord | undefined) ?? { version };
      if (old.reminded?.includes(reminder)) return false;
      const body: VersionRecord = { ...old, reminded: [...(old.reminded ?? []).slice(-20), reminder] };
      try {
        // Its own counter, so that the chain of events knows nothing of it: who changes the version meanwhile wins.
        await table.put(
          { PK: place.pk, SK: place.sk, seq: before?.['seq'] ?? 0, lastLine: before?.['lastLine'] ?? '', body },
          before ? unchanged(before) : { expression: 'attribute_not_exists(PK)' },
        );
        return true;
      } catch (error) {
        if (error instanceof WriteConflict) return false;
        throw error;
      }
    },
  };
}

/** The record after the change; undefined when it is so already. */
function changed(old: VersionRecord, change: LifecycleChange, at: string, by: string): VersionRecord | undefined {
  switch (change.kind) {
    case 'lifecycle':
      return { ...old, entry: { ...change.entry, ...(change.reason === undefined ? {} : { reason: change.reason }), at, by } };
    case 'quarantine': {
      if (old.quarantine) return undefined;
      const { reason, digest } = change;
      return { ...old, quarantine: { reason, at, by, ...(digest === undefined ? {} : { digest }) } };
    }
    case 'release': {
      if (!old.quarantine) return undefined;
      const { quarantine: _released, ...rest } = old;
      return rest;
    }
  }
}

/** What has changed, for people. */
function said(change: LifecycleChange): string {
  if (change.kind === 'lifecycle') return `${change.entry.status ?? 'active'} from now on`;
  return change.kind === 'quarantine' ? 'in quarantine' : 'out of quarantine';
}

/** Free text stays out of the locked log: its digest stands there. */
function reasonOf({ reason }: LifecycleChange): { reason?: string } {
  return reason === undefined ? {} : { reason: `sha256:${sha256Hex(reason)}` };
}

function dataOf(artifact: string, version: string, change: LifecycleChange) {
  const what = { artifact, version, change: change.kind };
  if (change.kind === 'quarantine') return { ...what, digest: change.digest ?? null };
  if (change.kind === 'release') return what;
  const { status, deprecationDate, eolDate, replacement } = change.entry;
  return {
    ...what,
    status: status ?? null,
    deprecationDate: deprecationDate ?? null,
    eolDate: eolDate ?? null,
    replacement: replacement ?? null,
  };
}

function unchanged(before: Item | undefined) {
  if (!before) return { expression: 'attribute_not_exists(PK)' };
  return { expression: 'lastLine = :before', values: { ':before': before['lastLine'] } };
}
