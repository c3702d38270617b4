/** `GET /v1/config`: which version of the configuration is in force. */
import { bundledConfiguration } from '../../adapters/environment/bundled-configuration.ts';
import { configurationRows } from '../../adapters/environment/configuration-rows.ts';
import { holdsVerb } from '../../core/access/membership.ts';
import { withoutReferences } from '../../core/environment/without-references.ts';
import type { Json } from '../../core/promotion/canonical-json.ts';
import type { HttpAnswer, HttpCall } from '../kit/http.ts';
import { clock, table } from '../kit/state.ts';
import { renderVersion } from './render-version.ts';

/** Versions that a list shows: older ones are in the log. */
const MOST_VERSIONS = 50;

/** What is in force, and what was and is proposed. What it says of people and tenants is for those who may change it. */
export async function getConfig(call: HttpCall): Promise<HttpAnswer> {
  const mayEdit = holdsVerb(call.caller.membership, 'policy.edit');
  const [deployed, versions] = await Promise.all([bundledConfiguration(), configurationRows(table, clock).versions()]);
  const { hash } = call.configuration;
  const { issuer: _issuer, hash: _hash, ...meaning } = call.configuration;
  return {
    status: 200,
    body: {
      version: hash,
      deployed: deployed.hash,
      versions: versions.slice(0, MOST_VERSIONS).map((version) => renderVersion(version, hash, mayEdit)),
      ...(mayEdit ? { configuration: withoutReferences(meaning as unknown as Json) } : {}),
    },
  };
}
