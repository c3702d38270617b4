/** `greenlight status --at TIME`: what ran then, and why it was allowed. */
import { EXIT } from '../failure.ts';
import { oneLine } from '../output.ts';
import type { Session } from '../session.ts';
import { shownTime } from '../show-request.ts';

interface PlaceAt {
  artifact: string;
  current: { version: string; digest: string; requestId: string; at: string } | null;
  allowed: {
    requestId: string;
    planHash: string;
    requestedBy: string | null;
    approvals: { by: string; decision: string; at: string }[];
    receipt: string | null;
  } | null;
}

interface EnvironmentAt {
  environment: string;
  at: string;
  artifacts: PlaceAt[];
}

/** `wanted`: an environment, or all. */
export async function statusAt({ client, output, knownArtifact }: Session, wanted: string, at: string): Promise<number> {
  const environments =
    wanted === 'all'
      ? (await client.get<{ items: EnvironmentAt[] }>('/v1/environments', { at })).items
      : [await client.get<EnvironmentAt>(`/v1/environments/${encodeURIComponent(wanted)}`, { at })];
  const places = environments.flatMap(({ environment, at: instant, artifacts }) =>
    artifacts
      .filter(({ artifact }) => knownArtifact === undefined || artifact === knownArtifact)
      .map((place) => ({ environment, at: instant, ...place })),
  );
  output.document({ items: places });
  for (const { environment, artifact, at: instant, current, allowed } of places) {
    output.line(`${oneLine(artifact)} in ${oneLine(environment)} at ${shownTime(instant)}`);
    if (!current) {
      output.line('  Ran: nothing');
      continue;
    }
    output.line(`  Ran: ${oneLine(current.version)} (${oneLine(current.digest)}), since ${shownTime(current.at)}`);
    if (!allowed) {
      output.line('  Adopted: it ran there before Greenlight knew of it');
      continue;
    }
    const { requestId, planHash, requestedBy, approvals } = allowed;
    output.line(`  Allowed by: ${oneLine(requestId)}${requestedBy === null ? '' : `, asked for by ${oneLine(requestedBy)}`}`);
    output.line(`  Plan: ${oneLine(planHash)}`);
    for (const { by, decision, at: decided } of approvals)
      output.line(`  ${decision === 'approve' ? 'Approved' : 'Rejected'} by: ${oneLine(by)} (${shownTime(decided)})`);
    output.line(`  Receipt: greenlight receipt ${oneLine(requestId)}`);
  }
  if (places.length === 0) output.talk('there is nothing to show');
  return EXIT.done;
}
