/** `POST /v1/config` and `POST /v1/config/{hash}/approve`: later versions of the configuration. */
import type * as z from 'zod';
import { bundledConfiguration } from '../../adapters/environment/bundled-configuration.ts';
import { configurationRows } from '../../adapters/environment/configuration-rows.ts';
import type { Configuration } from '../../core/environment/configuration.ts';
import { type ConfigurationProblem, readConfiguration } from '../../core/environment/configuration-file.ts';
import {
  approveVersion,
  type ConfigurationVersion,
  differenceOf,
  needsReview,
  refuseConfigurationReviewer,
  refuseUndeployed,
} from '../../core/environment/configuration-version.ts';
import { Refusal } from '../../core/errors.ts';
import { changing } from '../../core/promotion/ports.ts';
import { actingOf } from '../kit/acting.ts';
import type { HttpAnswer, HttpCall, TwoPhaseHandler } from '../kit/http.ts';
import { clock, forgetConfiguration, table } from '../kit/state.ts';
import { renderVersion } from './render-version.ts';
import type { configBody, configQuery } from './routes.ts';

const rows = configurationRows(table, clock);

export async function proposeConfig(call: HttpCall<z.infer<typeof configBody>, z.infer<typeof configQuery>>): Promise<HttpAnswer> {
  const { text, reason } = call.body;
  const read = readConfiguration(text);
  if (!read.ok) throw unreadable(read.problems);
  const deployed = await bundledConfiguration();
  // Nothing of the issuer is in the file, and nothing may come from there.
  const next: Configuration = { ...read.configuration, issuer: deployed.issuer };
  refuseUndeployed(deployed, next);
  return changing(
    () => rows.head(deployed.hash),
    async (head): Promise<HttpAnswer> => {
      const current = await inForce(head.hash, deployed);
      if (next.hash === current.hash)
        throw new Refusal('STATE_CONFLICT', 'this is what is in force: nothing would change', { hint: 'greenlight config diff FILE' });
      const at = clock.now().toISOString();
      const isGrave = needsReview(current, next);
      const version: ConfigurationVersion = {
        hash: next.hash,
        base: current.hash,
        proposedBy: call.caller.actor,
        proposedAt: at,
        reason,
        needsReview: isGrave,
        difference: differenceOf(current, next),
        warnings: read.warnings,
        ...(isGrave ? {} : { inForceSince: at }),
      };
      const isKept = call.query.store !== 'false';
      if (isKept) await rows.propose(head, deployed.hash, version, { text, configuration: read.configuration }, actingOf(call));
      if (isKept) forgetConfiguration();
      const shown = renderVersion(version, isKept && !isGrave ? version.hash : current.hash, true);
      return { status: isKept ? 201 : 200, body: isKept ? shown : { ...shown, state: 'previewed' } };
    },
  );
}

export const approveConfig: TwoPhaseHandler<ConfigurationVersion> = {
  async find(call) {
    const version = await rows.version(call.params['hash']!);
    if (!version) throw new Refusal('NOT_FOUND', 'there is no such version', { hint: 'GET /v1/config lists them' });
    refuseConfigurationReviewer(version, call.caller);
    return version;
  },
  async handle(call, { hash }) {
    const deployed = await bundledConfiguration();
    const approved = await changing(
      () => rows.head(deployed.hash),
      async (head) => {
        const version = (await rows.version(hash))!;
        refuseConfigurationReviewer(version, call.caller);
        const current = head.hash ?? deployed.hash;
        const next = approveVersion(version, call.caller.actor, current, clock.now().toISOString());
        await rows.approve(head, deployed.hash, next, actingOf(call));
        return next;
      },
    );
    forgetConfiguration();
    return { status: 200, body: renderVersion(approved, hash, true) };
  },
};

async function inForce(hash: string | undefined, deployed: Configuration): Promise<Configuration> {
  if (hash === undefined || hash === deployed.hash) return deployed;
  const stored = await rows.stored(hash);
  if (!stored) throw new Error(`the configuration ${hash} is in force and not stored`);
  return { ...stored.configuration, issuer: deployed.issuer };
}

/** What is not understood is 400; what is understood and forbidden, such as a production without approval, is 422. */
function unreadable(problems: readonly ConfigurationProblem[]): Refusal {
  const isRule = problems.every(({ rule }) => rule === true);
  const [first] = problems;
  return new Refusal(isRule ? 'POLICY_FLOOR' : 'INVALID_REQUEST', `line ${first!.line}: ${first!.message}`, {
    hint: first!.hint ?? 'greenlight config check FILE shows every mistake',
    errors: problems
      .slice(0, 50)
      .map(({ line, message, hint }) => ({ path: `/text/${line}`, message: hint ? `${message} (${hint})` : message })),
  });
}
