/**
 * Rows `CONFIG#0`: `HEAD` says which version is in force, `V#<hash>` what is known of each, `TEXT#<hash>` holds the file and its meaning, packed. Every
 * change is one transaction under the condition that the head is as it was read.
 */
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Configuration } from '../../core/environment/configuration.ts';
import type { ConfigurationVersion } from '../../core/environment/configuration-version.ts';
import { Refusal } from '../../core/errors.ts';
import { sha256Hex } from '../../core/promotion/canonical-json.ts';
import type { EventType } from '../../core/promotion/change.ts';
import type { Acting } from '../../core/promotion/create.ts';
import type { Clock } from '../../core/promotion/ports.ts';
import { outboxWrite } from '../audit/outbox.ts';
import { systemNotice } from '../notification/system-alerts.ts';
import { CONFIGURATIONS, HEAD } from '../state/keys.ts';
import { type Item, type Table, unchanged, type Write } from '../state/table.ts';

const RID = 'sys:config';
/** An item holds 400 KB. */
const LARGEST_BYTES = 380_000;

/** The head as it was read: what it says, and the condition of the next write. */
export interface ConfigurationHead {
  /** Hash in force by the head; undefined: the deployed file. */
  hash: string | undefined;
  row: Item | undefined;
}

export interface StoredConfiguration {
  text: string;
  configuration: Configuration;
}

export function configurationRows(table: Table, clock: Clock) {
  const eventOf = (head: ConfigurationHead, type: EventType, { hash, base, reason, needsReview }: ConfigurationVersion, acting: Acting) =>
    outboxWrite({
      rid: RID,
      seq: Number(head.row?.['seq'] ?? 0) + 1,
      prev: (head.row?.['lastLine'] as string | undefined) ?? '',
      tenant: '',
      at: clock.now(),
      event: { type, ...acting, data: { version: hash, base, needsReview, reasonSha256: sha256Hex(reason) } },
    });
  const headWrite = (head: ConfigurationHead, deployed: string, hash: string | undefined, lastLine: string): Write => ({
    put: {
      PK: CONFIGURATIONS,
      SK: HEAD,
      seq: Number(head.row?.['seq'] ?? 0) + 1,
      lastLine,
      // A later deployment brings a file that is newer than this version.
      deployed,
      ...(hash === undefined ? {} : { hash }),
    },
    condition: unchanged(head.row),
  });
  const versionWrite = (version: ConfigurationVersion): Write => ({ put: { PK: CONFIGURATIONS, SK: `V#${version.hash}`, body: version } });
  const notice = ({ hash, base, proposedBy, approvedBy }: ConfigurationVersion): Write => {
    const data = {
      ...{ version: hash, base, proposedBy: proposedBy.email, approvedBy: approvedBy?.email ?? null },
      reason: 'The configuration was changed',
    };
    return systemNotice(`sys:config:${hash.slice(-16)}`, { type: 'config.changed', data }, clock.now());
  };
  return {
    /** `deployed`: hash of the file of this deployment. */
    async head(deployed: string): Promise<ConfigurationHead> {
      const row = await table.get(CONFIGURATIONS, HEAD);
      return { row, hash: row?.['deployed'] === deployed ? (row['hash'] as string | undefined) : undefined };
    },
    async stored(hash: string): Promise<StoredConfiguration | undefined> {
      const packed = (await table.get(CONFIGURATIONS, `TEXT#${hash}`))?.['packed'] as string | undefined;
      return packed === undefined ? undefined : (JSON.parse(gunzipSync(Buffer.from(packed, 'base64')).toString()) as StoredConfiguration);
    },
    async version(hash: string): Promise<ConfigurationVersion | undefined> {
      return (await table.get(CONFIGURATIONS, `V#${hash}`))?.['body'] as ConfigurationVersion | undefined;
    },
    /** Newest first. */
    async versions(): Promise<ConfigurationVersion[]> {
      const rows = await table.all({ pk: CONFIGURATIONS, prefix: 'V#' });
      const versions = rows.map((row) => row['body'] as ConfigurationVersion);
      return versions.sort((left, right) => (left.proposedAt < right.proposedAt ? 1 : -1));
    },
    /** Stores it, in force at once where nobody else has to agree. Throws VersionConflict when another one came between. */
    async propose(head: ConfigurationHead, deployed: string, version: ConfigurationVersion, stored: StoredConfiguration, acting: Acting) {
      const packed = gzipSync(JSON.stringify(stored)).toString('base64');
      if (packed.length > LARGEST_BYTES) throw new Refusal('LIMIT', 'this configuration is larger than a version may be');
      const isInForce = version.inForceSince !== undefined;
      const event = eventOf(head, isInForce ? 'config.changed' : 'config.proposed', version, acting);
      await table.transact([
        headWrite(head, deployed, isInForce ? version.hash : head.hash, event.lastLine),
        versionWrite(version),
        { put: { PK: CONFIGURATIONS, SK: `TEXT#${version.hash}`, packed } },
        event.write,
        ...(isInForce ? [notice(version)] : []),
      ]);
    },
    /** Brings it into force. */
    async approve(head: ConfigurationHead, deployed: string, version: ConfigurationVersion, acting: Acting) {
      const event = eventOf(head, 'config.changed', version, acting);
      await table.transact([headWrite(head, deployed, version.hash, event.lastLine), versionWrite(version), event.write, notice(version)]);
    },
  };
}
