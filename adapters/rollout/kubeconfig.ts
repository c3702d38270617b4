/** A kubeconfig that somebody keeps in a secret, reduced to what reaches one cluster. Whatever would run a program or switch off checks is refused. */
import { parse } from 'yaml';
import * as z from 'zod';
import { Fault } from '../../core/errors.ts';

export interface ClusterAccess {
  /** `https://host[:port]`, with the path that the server may have. */
  server: string;
  /** PEM of the authority that is trusted, and no other. */
  ca: string;
  token?: string;
  /** PEM of a client certificate and its key. */
  certificate?: { cert: string; key: string };
}

const named = <Shape extends z.ZodType>(shape: Shape, key: string) => z.array(z.object({ name: z.string(), [key]: shape }));
const fileSchema = z.object({
  'current-context': z.string(),
  contexts: named(z.object({ cluster: z.string(), user: z.string() }), 'context'),
  clusters: named(
    z.object({
      server: z.string(),
      'certificate-authority-data': z.string().optional(),
      'insecure-skip-tls-verify': z.boolean().optional(),
      'tls-server-name': z.string().optional(),
    }),
    'cluster',
  ),
  users: named(
    z.object({
      token: z.string().optional(),
      'client-certificate-data': z.string().optional(),
      'client-key-data': z.string().optional(),
      exec: z.unknown().optional(),
      'auth-provider': z.unknown().optional(),
    }),
    'user',
  ),
});

/** Access that the current context describes. Throws CLUSTER_REFUSED and never says what stands in the file. */
export function readKubeconfig(text: string): ClusterAccess {
  const file = parseFile(text);
  const context = pick(file.contexts, file['current-context'], 'context') as { cluster: string; user: string };
  const cluster = pick(file.clusters, context.cluster, 'cluster') as Record<string, string | boolean | undefined>;
  const user = pick(file.users, context.user, 'user') as Record<string, string | undefined>;
  const server = String(cluster['server']);
  if (!server.startsWith('https://')) throw refused('its server is not https');
  if (cluster['insecure-skip-tls-verify'] || cluster['tls-server-name']) throw refused('it changes how the server certificate is checked');
  const authority = cluster['certificate-authority-data'];
  if (typeof authority !== 'string') throw refused('it has no certificate-authority-data');
  if (user['exec'] !== undefined || user['auth-provider'] !== undefined) throw refused('its user runs a program to sign in');
  const { token, 'client-certificate-data': cert, 'client-key-data': key } = user;
  if (token === undefined && (cert === undefined || key === undefined))
    throw refused('its user has neither a token nor a client certificate');
  return {
    server,
    ca: decode(authority),
    ...(token === undefined ? {} : { token }),
    ...(cert === undefined || key === undefined ? {} : { certificate: { cert: decode(cert), key: decode(key) } }),
  };
}

function parseFile(text: string): z.infer<typeof fileSchema> {
  let value: unknown;
  try {
    value = parse(text);
  } catch {
    throw refused('it is not YAML');
  }
  const parsed = fileSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw refused(`${parsed.error.issues[0]?.path.join('.')} is not as kubectl writes it`);
}

function pick(entries: readonly Record<string, unknown>[], name: string, key: string): unknown {
  const found = entries.find((entry) => entry['name'] === name);
  if (!found) throw refused(`it has no ${key} of the name that it uses`);
  return found[key];
}

function refused(why: string): Fault {
  return new Fault('CLUSTER_REFUSED', `the kubeconfig cannot be used: ${why}`, {
    hint: 'keep a kubeconfig with certificate-authority-data and a token or client certificate of a service account in the secret',
  });
}

function decode(base64: string): string {
  return Buffer.from(base64, 'base64').toString('utf8');
}
