/** `GET`, `POST` and `DELETE /v1/consumers`: which products build on an artifact, kept by the teams themselves. */
import type * as z from 'zod';
import { consumerRows } from '../../adapters/rollout/consumer-rows.ts';
import { belongsToTenant, mayUse } from '../../core/access/membership.ts';
import { artifactOf, type Configuration, tenantsOf } from '../../core/environment/configuration.ts';
import { Refusal } from '../../core/errors.ts';
import { consumersOf, type KnownConsumer, type RegisteredConsumer } from '../../core/rollout/consumer.ts';
import { actingOf } from '../kit/acting.ts';
import type { Caller, HttpAnswer, HttpCall, TwoPhaseHandler } from '../kit/http.ts';
import { pageOf } from '../kit/page.ts';
import { clock, table } from '../kit/state.ts';
import type { consumerBody, consumerQuery } from '../rollout/routes.ts';

const consumers = consumerRows(table, clock);

export async function listConsumers(call: HttpCall<unknown, z.infer<typeof consumerQuery>>): Promise<HttpAnswer> {
  const { query, caller, configuration } = call;
  const registered = (await Promise.all(tenantsFor(caller, configuration).map((tenant) => consumers.of(tenant)))).flat();
  const named = [...registered.map(({ artifact }) => artifact), ...Object.keys(configuration.consumers)];
  const artifacts = [...new Set(query.artifact === undefined ? named : [query.artifact])].filter((name) =>
    maySee(caller, configuration, name),
  );
  const known = artifacts.flatMap((artifact) => consumersOf(configuration, registered, artifact));
  const scope = ['listConsumers', query.artifact ?? '', caller.actor.key];
  const page = await pageOf(known, ({ artifact, product }) => `${artifact}#${product}`, scope, query);
  return { status: 200, body: { ...page, items: page.items.map(render) } };
}

/** Whose artifact it is decides who may write; what is wrong with the body is said afterwards. */
export const putConsumer: TwoPhaseHandler<void, z.infer<typeof consumerBody>> = {
  async find({ body, caller, configuration }) {
    const name = (body as { artifact?: unknown } | null | undefined)?.artifact;
    if (typeof name !== 'string') return;
    const artifact = artifactOf(configuration, name);
    if (!artifact || !belongsToTenant(caller.membership, artifact.tenant)) {
      throw new Refusal('NOT_FOUND', 'there is no such artifact', { hint: 'check the name, and that your tenant owns it' });
    }
    refuseWriting(caller, artifact.tenant);
  },
  async handle(call) {
    const { body, configuration } = call;
    for (const name of body.environments ?? [])
      if (!Object.hasOwn(configuration.environments, name))
        throw new Refusal('INVALID_REQUEST', `there is no environment ${name}`, {
          errors: [{ path: '/environments', message: `must be of ${Object.keys(configuration.environments).join(', ')}` }],
        });
    const { tenant } = artifactOf(configuration, body.artifact)!;
    const registered = await consumers.put({ ...body, tenant }, actingOf(call));
    return { status: 200, body: render({ ...registered, registered }) };
  },
};

export const removeConsumer: TwoPhaseHandler<RegisteredConsumer> = {
  async find({ params, caller, configuration }) {
    const all = (await Promise.all(tenantsFor(caller, configuration).map((tenant) => consumers.of(tenant)))).flat();
    const consumer = all.find(({ id }) => id === params['consumerId']);
    if (!consumer) throw notFound();
    refuseWriting(caller, consumer.tenant);
    return consumer;
  },
  async handle(call, consumer) {
    if (!(await consumers.remove(consumer, actingOf(call)))) throw notFound();
    return { status: 204 };
  },
};

function notFound(): Refusal {
  return new Refusal('NOT_FOUND', 'there is no such consumer', {
    hint: 'those of the configuration file have no id and are changed there',
  });
}

function refuseWriting({ membership }: Caller, tenant: string): void {
  if (!mayUse(membership, 'request', tenant)) throw new Refusal('FORBIDDEN', 'your roles do not include the verb "request"');
}

function tenantsFor({ membership }: Caller, configuration: Configuration): string[] {
  return tenantsOf(configuration).filter((tenant) => belongsToTenant(membership, tenant));
}

function maySee({ membership }: Caller, configuration: Configuration, name: string): boolean {
  const artifact = artifactOf(configuration, name);
  return artifact !== undefined && mayUse(membership, 'read', artifact.tenant);
}

function render({ artifact, product, pipelines, storageGb, owner, restartSeconds, environments, registered }: KnownConsumer) {
  return {
    id: registered?.id ?? null,
    artifact,
    product,
    pipelines,
    storageGb: storageGb ?? null,
    owner: owner ?? null,
    restartSeconds: restartSeconds ?? null,
    environments: environments ?? null,
    updatedAt: registered?.updatedAt ?? null,
    updatedBy: registered?.updatedBy ?? null,
  };
}
