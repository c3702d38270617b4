/** Access entries: those given at the start, which may be patterns, and those created through the API, which are kept. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { writeFileDurably } from '../durable-file.ts';
import type { CloudContext } from '../service.ts';
import { EksError, notFound } from './eks-operations.ts';

export interface AccessEntryPattern {
  rolePattern: string;
  groups: string[];
}

interface CreatedEntry {
  cluster: string;
  principalArn: string;
  groups: string[];
  id: string;
  at: number;
}

const Body = z.object({
  principalArn: z.string().regex(/^arn:aws:iam::\d{12}:role\/.+$/),
  kubernetesGroups: z.array(z.string()).default([]),
  type: z.literal('STANDARD').optional(),
  clientRequestToken: z.string().optional(),
});

export class AccessEntries {
  readonly #context: CloudContext;
  readonly #given: Map<string, AccessEntryPattern[]>;
  readonly #file: string;
  #created: CreatedEntry[];

  constructor(context: CloudContext, clusters: { name: string; accessEntries: AccessEntryPattern[] }[]) {
    this.#context = context;
    this.#given = new Map(clusters.map(({ name, accessEntries }) => [name, accessEntries]));
    this.#file = join(context.folder, 'access-entries.json');
    this.#created = readEntries(this.#file);
  }

  /** Everything that lets roles into the cluster. */
  of(cluster: string): AccessEntryPattern[] {
    const created = this.#created.filter((entry) => entry.cluster === cluster);
    return [...(this.#given.get(cluster) ?? []), ...created.map(({ principalArn, groups }) => ({ rolePattern: principalArn, groups }))];
  }

  /** ARNs of the principals; a pattern stands as it is. */
  list(cluster: string): string[] {
    return this.of(cluster).map(({ rolePattern }) => this.#arnOf(rolePattern));
  }

  describe(cluster: string, principal: string): Record<string, unknown> {
    const entry = this.of(cluster).find(({ rolePattern }) => this.#arnOf(rolePattern) === principal);
    if (!entry)
      throw notFound(
        `The specified principalArn could not be found. You can view your available access entries with 'list-access-entries'.`,
      );
    const created = this.#created.find((each) => each.cluster === cluster && each.principalArn === principal);
    return this.#spell(cluster, principal, entry.groups, created);
  }

  create(cluster: string, body: Buffer): Record<string, unknown> {
    const { principalArn, kubernetesGroups } = parseBody(body);
    if (this.list(cluster).includes(principalArn)) {
      throw new EksError(409, 'ResourceInUseException', 'The specified access entry resource is already in use on this cluster.');
    }
    const entry = { cluster, principalArn, groups: kubernetesGroups, id: randomUUID(), at: this.#context.clock.now() };
    this.#save([...this.#created, entry]);
    return this.#spell(cluster, principalArn, kubernetesGroups, entry);
  }

  delete(cluster: string, principal: string): void {
    const left = this.#created.filter((entry) => entry.cluster !== cluster || entry.principalArn !== principal);
    if (left.length === this.#created.length)
      throw notFound('The specified principalArn could not be found among the entries created through the API.');
    this.#save(left);
  }

  #save(entries: CreatedEntry[]): void {
    writeFileDurably(this.#file, JSON.stringify(entries));
    this.#created = entries;
  }

  #arnOf(pattern: string): string {
    return pattern.startsWith('arn:') ? pattern : `arn:aws:iam::${this.#context.account}:role/${pattern}`;
  }

  #spell(cluster: string, principalArn: string, groups: string[], created: CreatedEntry | undefined): Record<string, unknown> {
    const { region, account } = this.#context;
    const role = principalArn.slice(principalArn.lastIndexOf('/') + 1);
    const at = (created?.at ?? 0) / 1_000;
    return {
      clusterName: cluster,
      principalArn,
      kubernetesGroups: groups,
      accessEntryArn: `arn:aws:eks:${region}:${account}:access-entry/${cluster}/role/${account}/${role}/${created?.id ?? 'given'}`,
      createdAt: at,
      modifiedAt: at,
      tags: {},
      username: `arn:aws:sts::${account}:assumed-role/${role}/{{SessionName}}`,
      type: 'STANDARD',
    };
  }
}

function parseBody(body: Buffer): z.infer<typeof Body> {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8') || '{}');
  } catch {
    throw new EksError(400, 'InvalidParameterException', 'The body is not JSON');
  }
  const parsed = Body.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new EksError(
    400,
    'InvalidParameterException',
    parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '),
  );
}

function readEntries(file: string): CreatedEntry[] {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as CreatedEntry[];
  } catch {
    return [];
  }
}
