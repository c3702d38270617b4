/** `greenlight cluster check`: whether rollouts could reach the clusters, and do there what they have to. */
import { Command } from 'commander';
import type { ConnectionReport } from '../../core/rollout/connection-test.ts';
import { EXIT } from '../failure.ts';
import { type Output, oneLine } from '../output.ts';
import type { Session, SharedOptions } from '../session.ts';
import { type VerbContext, verb } from '../verb.ts';

export function clusterVerb(context: VerbContext): Command {
  const check = verb<SharedOptions>(context, 'check [ENV]', {
    summary: 'Tests address, certificate, token, permissions and objects of a cluster; changes nothing',
    examples: ['cluster check', 'cluster check prod --artifact payment-api', 'cluster check prod --json'],
    run: runCheck,
  });
  return new Command('cluster').description('Looks at the clusters of the environments').addCommand(check);
}

/** The artifact counts only where it is written: everything is looked at otherwise. */
async function runCheck({ client, output }: Session, [environment]: string[], { artifact }: SharedOptions): Promise<number> {
  const environments = environment === undefined ? await everyEnvironment(client) : [environment];
  const items: ConnectionReport[] = [];
  for (const name of environments) {
    const path = `/v1/environments/${encodeURIComponent(name)}/connection-test`;
    const { body } = await client.post<ConnectionReport>(path, artifact === undefined ? {} : { artifact });
    items.push(body);
    for (const line of linesOf(output, body)) output.line(line);
  }
  output.document({ items });
  if (items.some(({ outcome }) => outcome === 'unreachable')) return EXIT.unavailable;
  return items.some(({ outcome }) => outcome === 'failed') ? EXIT.no : EXIT.done;
}

async function everyEnvironment(client: Session['client']): Promise<string[]> {
  const { items } = await client.get<{ items: { environment: string }[] }>('/v1/environments');
  return items.map((item) => item.environment);
}

function linesOf(output: Output, { environment, cluster, kind, namespace, server, version, checks }: ConnectionReport): string[] {
  if (cluster === null) return [oneLine(environment), '  no cluster', ''];
  const facts = [
    `${oneLine(cluster)} (${kind})`,
    `namespace ${oneLine(namespace)}`,
    ...[server, version].flatMap((fact) => (fact ? [oneLine(fact)] : [])),
  ];
  return [
    oneLine(environment),
    `  ${facts.join(', ')}`,
    ...checks.flatMap(({ name, status, detail, hint }) => [
      `  ${markOf(output, status)} ${oneLine(name)}: ${oneLine(detail)}`,
      ...(hint === null ? [] : [`      ${oneLine(hint)}`]),
    ]),
    '',
  ];
}

function markOf(output: Output, status: string): string {
  if (status === 'passed') return output.tick;
  return status === 'failed' ? output.cross : output.paint('warn', '?');
}
