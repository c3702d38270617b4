/** `GET /v1/artifacts/{name}/versions/{version}`, and the two writes of it: its lifecycle and its quarantine. */
import type * as z from 'zod';
import { Refusal } from '../../core/errors.ts';
import { type LifecycleEntry, statusOn } from '../../core/lifecycle/lifecycle.ts';
import type { LifecycleChange } from '../../core/lifecycle/ports.ts';
import { readSupportWindow } from '../../core/lifecycle/support-window.ts';
import { versionKey } from '../../core/registry/version.ts';
import { actingOf } from '../kit/acting.ts';
import type { HttpAnswer, HttpCall, TwoPhaseHandler } from '../kit/http.ts';
import { clock } from '../kit/state.ts';
import { requireNamedArtifact, requireVersionName } from '../registry/find-artifact-path.ts';
import { lifecycles } from './lifecycles.ts';
import type { lifecycleBody, quarantineBody } from './routes.ts';
import { renderVersion, requireVersion, type ShownVersion, type VersionSources } from './show-version.ts';

type Found = ShownVersion & { tenant: string };

/** Refusals NOT_FOUND and FORBIDDEN come before those of the body. */
async function findNamed(call: HttpCall<unknown, unknown>, sources: VersionSources, verb: 'read' | 'lifecycle.edit'): Promise<Found> {
  const { name, tenant } = requireNamedArtifact(call, verb);
  return { tenant, ...(await requireVersion(call.configuration, sources, name, requireVersionName(call))) };
}

export function showVersion(sources: VersionSources): TwoPhaseHandler<Found> {
  return {
    find: (call) => findNamed(call, sources, 'read'),
    handle: (call, found) => answerOf(call, sources, found),
  };
}

export function setLifecycle(sources: VersionSources): TwoPhaseHandler<Found, z.infer<typeof lifecycleBody>> {
  return {
    find: (call) => findNamed(call, sources, 'lifecycle.edit'),
    async handle(call, found) {
      const { reason } = call.body;
      const entry = entryOf(call.body, found.found.version);
      await commit(call, found, { kind: 'lifecycle', entry, ...(reason === undefined ? {} : { reason }) });
      return answerOf(call, sources, found);
    },
  };
}

export function setQuarantine(sources: VersionSources): TwoPhaseHandler<Found, z.infer<typeof quarantineBody>> {
  return {
    find: (call) => findNamed(call, sources, 'lifecycle.edit'),
    async handle(call, found) {
      const { reason, quarantined } = call.body;
      const { digest } = found.found;
      await commit(call, found, quarantined ? { kind: 'quarantine', reason, digest } : { kind: 'release', reason });
      return answerOf(call, sources, found);
    },
  };
}

async function commit(call: HttpCall<unknown, unknown>, { tenant, found }: Found, change: LifecycleChange): Promise<void> {
  const artifact = call.params['name']!;
  const where = { tenant, artifact, version: found.version, key: versionKey(found.version, call.configuration.path) };
  await lifecycles.change(where, change, actingOf(call));
}

async function answerOf({ configuration, params }: HttpCall<unknown, unknown>, sources: VersionSources, found: Found): Promise<HttpAnswer> {
  return { status: 200, body: await renderVersion(configuration, sources, params['name']!, found) };
}

/** Dates that contradict the status or each other are refused, so that what is shown is what was meant. */
function entryOf(body: z.infer<typeof lifecycleBody>, version: string): LifecycleEntry {
  const { status, deprecationDate, eolDate, replacement, supportWindow } = body;
  const today = clock.now().toISOString().slice(0, 10);
  const invalid = (code: 'INVALID_DATE' | 'INVALID_REQUEST', path: string, message: string) =>
    new Refusal(code, `the lifecycle contradicts itself: ${message}`, { errors: [{ path, message }] });
  if (deprecationDate !== undefined && eolDate !== undefined && deprecationDate > eolDate)
    throw invalid('INVALID_DATE', '/deprecationDate', 'it is deprecated after its end of life');
  if (statusOn(today, body) !== status)
    throw invalid('INVALID_DATE', '/status', `with these dates it is ${statusOn(today, body)} today, not ${status}`);
  if (replacement === version) throw invalid('INVALID_REQUEST', '/replacement', 'a version does not replace itself');
  const window = supportWindow === undefined ? undefined : readSupportWindow(supportWindow);
  if (supportWindow !== undefined && !window)
    throw invalid('INVALID_REQUEST', '/supportWindow', 'it is no length of time such as 12 months, 1 year or 90 days');
  return {
    status,
    ...(deprecationDate === undefined ? {} : { deprecationDate }),
    ...(eolDate === undefined ? {} : { eolDate }),
    ...(replacement === undefined ? {} : { replacement }),
    ...(window ? { supportWindow: window } : {}),
  };
}
