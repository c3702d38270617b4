import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { registryReader } from '../../../adapters/registry/registry-reader.ts';
import { realNow, registryWriter } from '../../../adapters/registry/registry-writer.ts';
import { holderOf } from '../../../core/environment/environment.ts';
import { withPhase } from '../../../core/promotion/change.ts';
import { engineChange } from '../../../core/promotion/engine-change.ts';
import type { RegistryWriter } from '../../../core/registry/ports.ts';
import type { RunEvent } from '../../../functions/kit/task.ts';
import { pushImage } from '../../../local/demo/oci-image.ts';
import { type Place, startRegistry, stopRegistries } from '../../adapters/registry/registries.ts';
import { createRequest, runGates } from '../requests.ts';
import { startWorld, type World } from '../world.ts';

let world: World;
let places: Record<'dev' | 'staging', Place>;
/** A new artifact for each test; all of them fall under the default entry of the configuration, which has no workload. */
let repository: string;
let digest: string;
let event: RunEvent;
let count = 0;

beforeAll(async () => {
  places = { dev: await startRegistry('dev'), staging: await startRegistry('staging') };
  const allowed = process.env['ALLOWED_ORIGINS'];
  world = await startWorld((configuration) => {
    for (const place of Object.values(places)) configuration.registries[place.configuration.name] = place.configuration;
  });
  process.env['ALLOWED_ORIGINS'] = `${process.env['ALLOWED_ORIGINS']},${allowed}`;
});

beforeEach(async () => {
  repository = `service-${++count}`;
  ({ digest } = await pushImage({ origin: places.dev.origin, repository, tag: '1.1.0', labels: {} }));
  world.registry.tags['1.1.0'] = digest;
  const id = await createRequest(world, 'dev', { target: { name: repository } });
  await runGates(world, id);
  event = { task: 'copy', requestId: id, attempt: 1 };
  await begin();
});

afterAll(async () => {
  await world.close();
  await stopRegistries();
});

/** Approves and begins as the engine does: the environment is held from here on. */
async function begin(): Promise<void> {
  const { promotions } = world.state;
  const open = (await promotions.head(event.requestId))!;
  const approved = await promotions.commit(
    engineChange(open, withPhase(open, 'approved'), { type: 'approval.closed', action: 'approved' }),
  );
  await promotions.commit(
    engineChange(
      approved,
      withPhase(approved, 'promoting', { step: 'copying', fence: 1 }),
      { type: 'promotion.started', action: 'promoting' },
      { environment: { kind: 'acquire', environment: 'staging', artifact: repository, holder: holderOf(approved.id, 1), fence: 1 } },
    ),
  );
}

async function tasks(writer: RegistryWriter = registryWriter(), seconds?: number) {
  const [{ copy }, { tag }, { finish }] = await Promise.all([
    import('../../../functions/registry/copy.task.ts'),
    import('../../../functions/registry/tag.task.ts'),
    import('../../../functions/registry/finish.task.ts'),
  ]);
  return {
    copy: copy({ writer, reader: registryReader(), ...(seconds === undefined ? {} : { seconds }) }),
    tag: tag(writer),
    finish: finish(writer, async () => undefined),
  };
}

async function actions(): Promise<string[]> {
  return (await world.state.promotions.history(event.requestId)).map((entry) => entry.action);
}

async function digestOf(tagName: string): Promise<string | null> {
  const answer = await fetch(`${places.staging.origin}/v2/${repository}/manifests/${tagName}`, { method: 'HEAD' });
  return answer.headers.get('docker-content-digest');
}

describe('copy, tag and finish', () => {
  test('bring the artifact to its environment, each with one event, however often they run', async () => {
    const { copy, tag, finish } = await tasks();
    expect(await copy(event)).toEqual({ next: 'tag' });
    expect(await copy(event)).toEqual({ next: 'tag' });
    expect((await world.state.promotions.head(event.requestId))?.step).toBe('tagging');
    expect(await tag(event)).toEqual({ next: 'finish' });
    expect(await tag(event)).toEqual({ next: 'finish' });
    expect(await digestOf('1.1.0-staging')).toBe(digest);
    expect(await finish(event)).toEqual({ next: 'end' });
    expect(await finish(event)).toEqual({ next: 'end' });
    expect(await digestOf('latest-staging')).toBe(digest);
    expect(await actions()).toEqual([
      'created',
      'validating',
      'approval_requested',
      'approved',
      'promoting',
      'copied',
      'copy_verified',
      'tagged',
      'deployed',
    ]);
    const environment = await world.state.environments.get('staging', repository);
    expect(environment).toMatchObject({ current: { digest, requestId: event.requestId, version: '1.1.0' }, health: 'healthy' });
    expect(environment?.holder).toBeUndefined();
  });

  test('wake who waits for the environment', async () => {
    await world.state.environments.wait('staging', repository, 'PR-2026-9999', 1);
    const { copy, tag, finish } = await tasks();
    await copy(event);
    await tag(event);
    await finish(event);
    expect(await world.state.wakes.pending()).toContainEqual(expect.objectContaining({ kind: 'resume', requestId: 'PR-2026-9999' }));
  });

  test('re-enter the copy until it is done', async () => {
    expect(await (await tasks(registryWriter(), -1)).copy(event)).toEqual({ next: 'copy' });
    expect(await actions()).not.toContain('copied');
    expect(await (await tasks()).copy(event)).toEqual({ next: 'tag' });
  });

  test('give the writer a deadline in real time', async () => {
    const deadlines: number[] = [];
    const writer: RegistryWriter = {
      ...registryWriter(),
      copy: async (_source, _target, _name, _digest, deadline) => {
        deadlines.push(deadline);
        return { done: false };
      },
    };
    const { copy } = await tasks(writer, 600);
    await copy(event);
    expect(deadlines[0]! - realNow()).toBeGreaterThan(590_000);
    expect(deadlines[0]! - realNow()).toBeLessThanOrEqual(600_000);
  });
});

describe('a run', () => {
  test('that has lost the environment changes nothing', async () => {
    await world.state.table.update({
      update: { pk: `ENV#staging#${repository}`, sk: 'HEAD' },
      expression: 'SET holder = :other',
      values: { ':other': 'PR-2026-0009-1' },
    });
    const { copy, tag, finish } = await tasks();
    for (const task of [copy, tag, finish]) await expect(task(event)).rejects.toMatchObject({ name: 'LOCK_LOST' });
    expect(await digestOf('1.1.0-staging')).toBeNull();
  });

  test('whose plan was exchanged changes nothing', async () => {
    const { promotions, table } = world.state;
    const head = (await promotions.head(event.requestId))!;
    const plan = (await promotions.plan(head.id, head.planHash))!;
    const evil = `sha256:${'e'.repeat(64)}`;
    await table.put({ PK: `REQ#${head.id}`, SK: `PLAN#${head.planHash}`, body: { ...plan, digest: evil } });
    await expect((await tasks()).copy(event)).rejects.toMatchObject({ name: 'PLAN_CHANGED' });
  });

  test('of another attempt, or of a request that ended, does nothing', async () => {
    const { copy, finish } = await tasks();
    expect(await copy({ ...event, attempt: 2 })).toEqual({ next: 'end' });
    expect(await finish({ ...event, requestId: 'PR-2026-7777' })).toEqual({ next: 'end' });
    expect(await actions()).not.toContain('copied');
  });

  test('whose tag names something else fails, and the environment stays what it was', async () => {
    const { copy, tag } = await tasks();
    await pushImage({ origin: places.staging.origin, repository: repository, tag: '1.1.0-staging', labels: { other: 'yes' } });
    await copy(event);
    await expect(tag(event)).rejects.toMatchObject({ name: 'TAG_IMMUTABLE' });
    expect((await world.state.environments.get('staging', repository))?.current).toBeUndefined();
  });
});
