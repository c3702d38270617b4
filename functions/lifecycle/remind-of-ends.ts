/** Reminds of versions that lose their support soon, and are used: the owners of the products that build on them, and who looks after versions there. */
import { outboxWrite } from '../../adapters/audit/outbox.ts';
import { systemNotice } from '../../adapters/notification/system-alerts.ts';
import { consumerRows } from '../../adapters/rollout/consumer-rows.ts';
import { ENGINE } from '../../core/access/identity.ts';
import { mayUse, membershipFrom } from '../../core/access/membership.ts';
import { artifactOf, type Configuration } from '../../core/environment/configuration.ts';
import { standingOf } from '../../core/lifecycle/lifecycle.ts';
import { dueReminder } from '../../core/lifecycle/remind.ts';
import { sha256Hex } from '../../core/promotion/canonical-json.ts';
import { versionKey } from '../../core/registry/version.ts';
import { consumersOf, usersOf } from '../../core/rollout/consumer.ts';
import { clock, table } from '../kit/state.ts';
import { placesOf } from '../registry/find-version.ts';
import { lifecycles } from './lifecycles.ts';

const ADDRESS = /^[^\s@,]+@[^\s@,]+$/;
const consumers = consumerRows(table, clock);

/** Answers what it has reminded of. */
export async function remindOfEnds({ configuration }: { configuration: Configuration }): Promise<string[]> {
  const reminded: string[] = [];
  for (const artifact of Object.keys(configuration.artifacts).filter((name) => name !== '*')) {
    const [records, places] = await Promise.all([lifecycles.of(artifact), placesOf(configuration, artifact)]);
    const running = new Map(
      places.flatMap(({ record }) => (record?.current ? [[record.current.version, record.current.digest] as const] : [])),
    );
    for (const [version, digest] of running) {
      const { lifecycle } = standingOf({ configuration, artifact, version, digest, records, now: clock.now() });
      const key = versionKey(version, configuration.path);
      const sent = records.find((record) => versionKey(record.version, configuration.path) === key)?.reminded ?? [];
      const due = dueReminder(lifecycle, configuration.lifecycle.support.remindDays, sent, clock.now());
      if (!due) continue;
      const environments = places.filter(({ record }) => record?.current?.digest === digest).map(({ environment }) => environment);
      await tell(configuration, { artifact, version, environments, ...due, replacement: lifecycle.replacement });
      // Told twice is better than not at all: the note that it went out comes second.
      await lifecycles.remind(artifact, key, version, due.key);
      reminded.push(`${artifact} ${version} ${due.key}`);
    }
  }
  return reminded;
}

interface Reminder {
  artifact: string;
  version: string;
  environments: string[];
  key: string;
  daysLeft: number;
  eolDate: string;
  replacement: string | undefined;
}

async function tell(
  configuration: Configuration,
  { artifact, version, environments, daysLeft, eolDate, replacement, key }: Reminder,
): Promise<void> {
  const { tenant } = artifactOf(configuration, artifact)!;
  const known = consumersOf(configuration, await consumers.of(tenant, artifact), artifact);
  const owners = environments.flatMap((environment) => usersOf(known, environment).flatMap(({ owner }) => owner ?? []));
  const keepers = configuration.people
    .filter(
      (person) =>
        !person.disabled &&
        person.owner === undefined &&
        environments.some((environment) => mayUse(membershipFrom(configuration, person), 'lifecycle.edit', tenant, environment)),
    )
    .map(({ email }) => email);
  const to = [...new Set([...owners.filter((owner) => ADDRESS.test(owner)), ...keepers])];
  const at = clock.now();
  const rid = `sys:lifecycle:${sha256Hex(`${artifact}#${version}#${key}`).slice(0, 16)}` as const;
  const move = replacement === undefined ? '' : `; move to ${replacement}`;
  const data = {
    signal: 'end_of_life',
    reason: `${artifact} ${version} reaches its end of life on ${eolDate}, in ${daysLeft} days${move}`,
    ...{ tenant, artifact, version, eolDate, daysLeft, replacement: replacement ?? null },
    environment: environments.join(', '),
  };
  const { write } = outboxWrite({
    ...{ rid, seq: 1, prev: '', tenant, at, about: { artifact } },
    event: {
      ...{ type: 'lifecycle.reminded', actor: ENGINE, auth: 'engine', channel: 'schedule' },
      data: { artifact, version, eolDate, daysLeft, environments },
    },
  });
  // Once for each mark, whatever happens in between: its line has an id of its own.
  await table.transact([write, systemNotice(rid, { type: 'lifecycle.changed', data, to }, at)]);
}
