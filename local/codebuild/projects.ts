/** Projects as stacks declare them; every property that would need more than a child process is refused by name. */
import type { CloudContext, ResourceProvider } from '../service.ts';
import { readBuildspec } from './buildspec.ts';
import { CodeBuildError, refuseUnknown } from './codebuild-error.ts';

export interface Variable {
  name: string;
  value: string;
  type: 'PLAINTEXT';
}

export interface Project {
  name: string;
  arn: string;
  description?: string;
  buildspec: string;
  serviceRole: string;
  encryptionKey: string;
  timeoutInMinutes: number;
  queuedTimeoutInMinutes: number;
  environment: { type: string; image: string; computeType: string; privilegedMode: false; environmentVariables: Variable[] };
  logGroup: string;
  /** Seconds since the epoch, virtual. */
  created: number;
}

const PROPERTIES = [
  'Name',
  'Description',
  'Source',
  'Artifacts',
  'Environment',
  'ServiceRole',
  'EncryptionKey',
  'TimeoutInMinutes',
  'QueuedTimeoutInMinutes',
  'LogsConfig',
  'Cache',
  'Tags',
  'Visibility',
];

export class Projects {
  readonly #context: CloudContext;
  readonly #projects = new Map<string, Project>();

  constructor(context: CloudContext) {
    this.#context = context;
  }

  all(): Project[] {
    return [...this.#projects.values()];
  }

  find(nameOrArn: string): Project | undefined {
    return this.#projects.get(nameOrArn.replace(/^arn:[^/]*:project\//, ''));
  }

  /** Throws ResourceNotFoundException. */
  get(nameOrArn: string): Project {
    const project = this.find(nameOrArn);
    if (!project) throw new CodeBuildError('ResourceNotFoundException', `Project cannot be found: ${this.arn(nameOrArn)}`);
    return project;
  }

  arn(name: string): string {
    return name.startsWith('arn:') ? name : `arn:aws:codebuild:${this.#context.region}:${this.#context.account}:project/${name}`;
  }

  readonly provide: ResourceProvider = async ({ properties, defaultName }) => {
    refuseUnknown('AWS::CodeBuild::Project', properties, PROPERTIES);
    const name = (properties['Name'] as string | undefined) ?? defaultName;
    const source = section(properties, 'Source', ['Type', 'BuildSpec']);
    const artifacts = section(properties, 'Artifacts', ['Type']);
    const cache = section(properties, 'Cache', ['Type']);
    only(name, 'Source.Type', source['Type'], 'NO_SOURCE');
    only(name, 'Artifacts.Type', artifacts['Type'], 'NO_ARTIFACTS');
    if (cache['Type'] !== undefined) only(name, 'Cache.Type', cache['Type'], 'NO_CACHE');
    if (properties['Visibility'] !== undefined) only(name, 'Visibility', properties['Visibility'], 'PRIVATE');
    const buildspec = String(source['BuildSpec'] ?? '');
    readBuildspec(buildspec);
    const logs = section(properties, 'LogsConfig', ['CloudWatchLogs', 'S3Logs'])['CloudWatchLogs'] as { GroupName?: string } | undefined;
    this.#projects.set(name, {
      name,
      arn: this.arn(name),
      ...(properties['Description'] ? { description: String(properties['Description']) } : {}),
      buildspec,
      serviceRole: String(properties['ServiceRole'] ?? ''),
      encryptionKey: String(properties['EncryptionKey'] ?? 'alias/aws/s3'),
      timeoutInMinutes: Number(properties['TimeoutInMinutes'] ?? 60),
      queuedTimeoutInMinutes: Number(properties['QueuedTimeoutInMinutes'] ?? 480),
      environment: environmentOf(name, properties),
      logGroup: logs?.GroupName ?? `/aws/codebuild/${name}`,
      created: this.#context.clock.now() / 1000,
    });
    return { ref: name, attributes: { Arn: this.arn(name) } };
  };
}

function environmentOf(name: string, properties: Record<string, unknown>): Project['environment'] {
  const known = ['Type', 'Image', 'ComputeType', 'PrivilegedMode', 'ImagePullCredentialsType', 'EnvironmentVariables'];
  const environment = section(properties, 'Environment', known);
  if (String(environment['PrivilegedMode'] ?? false) === 'true') only(name, 'Environment.PrivilegedMode', true, false);
  const variables = (environment['EnvironmentVariables'] ?? []) as { Name: string; Value: unknown; Type?: string }[];
  return {
    type: String(environment['Type']),
    image: String(environment['Image']),
    computeType: String(environment['ComputeType']),
    privilegedMode: false,
    environmentVariables: variables.map(({ Name, Value, Type }) =>
      readVariable({ name: Name, value: String(Value), ...(Type ? { type: Type } : {}) }),
    ),
  };
}

/** A plain variable, or InvalidInputException: parameter store and secrets are not resolved here. */
export function readVariable({ name, value, type = 'PLAINTEXT' }: { name?: unknown; value?: unknown; type?: string }): Variable {
  if (typeof name !== 'string' || typeof value !== 'string' || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || value.includes('\0')) {
    throw new CodeBuildError('InvalidInputException', `Invalid environment variable: ${String(name)}`);
  }
  if (type !== 'PLAINTEXT')
    throw new CodeBuildError('InvalidInputException', `Environment variable ${name}: the local cloud does not support type ${type}`);
  return { name, value, type };
}

function section(properties: Record<string, unknown>, key: string, known: string[]): Record<string, unknown> {
  const value = (properties[key] ?? {}) as Record<string, unknown>;
  refuseUnknown(`AWS::CodeBuild::Project ${key}`, value, known);
  return value;
}

function only(project: string, property: string, value: unknown, wanted: unknown): void {
  if (value !== wanted)
    throw new CodeBuildError('InvalidInputException', `${project}: the local cloud runs ${property} ${wanted} only, not ${value}`);
}
