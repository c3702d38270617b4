/**
 * CodeBuild: runs the inline buildspec of projects without source or artifacts as child processes of this machine, with nothing of its environment but PATH.
 * It is no sandbox: a build has the rights of the user who started the local cloud. Limits: unexported shell variables do not pass from command to command;
 * the image, compute type and runtime versions have no effect. Not supported, and refused by name: sources, artifacts, caches, VPC, batch builds, reports,
 * webhooks, variables from Parameter Store or Secrets Manager.
 */
import type { CloudContext, IamCheck, LocalService, ServiceError, ServiceRequest, ServiceResponse } from '../service.ts';
import { describeBuild } from './build-record.ts';
import { Builds } from './builds.ts';
import { readBuildspec } from './buildspec.ts';
import { CodeBuildError, refuseUnknown } from './codebuild-error.ts';
import { type Project, Projects, readVariable, type Variable } from './projects.ts';

export interface CodeBuildOptions {
  /** URL of the AWS endpoint that builds call. */
  endpoint: () => string;
}

type Input = Record<string, unknown>;

const START_INPUT = ['projectName', 'environmentVariablesOverride', 'timeoutInMinutesOverride', 'buildspecOverride', 'idempotencyToken'];
const TYPE = 'application/x-amz-json-1.1';

/** Makes the CodeBuild of the local cloud. */
export function createCodeBuild(context: CloudContext, options: CodeBuildOptions): LocalService {
  const projects = new Projects(context);
  const builds = new Builds(context, options.endpoint);
  const operations = operationsOf(projects, builds);
  return {
    name: 'codebuild',
    scopes: ['codebuild'],
    resources: { 'AWS::CodeBuild::Project': projects.provide },
    operation: operationOf,
    checks: (request) => checksOf(projects, request),
    async handle(request) {
      try {
        const operation = operations[operationOf(request)];
        if (!operation) {
          context.log('codebuild: operation not supported', { operation: operationOf(request) });
          throw new CodeBuildError('UnknownOperationException', `The local cloud does not support codebuild:${operationOf(request)}`);
        }
        const output = await operation(inputOf(request), request);
        return { status: 200, headers: { 'content-type': TYPE }, body: JSON.stringify(output) };
      } catch (error) {
        if (!(error instanceof CodeBuildError)) throw error;
        return spell(error);
      }
    },
    errorResponse: (_, error) => spell(error),
    start: () => builds.recover(),
    close: () => builds.close(),
  };
}

function operationsOf(projects: Projects, builds: Builds): Record<string, (input: Input, request: ServiceRequest) => unknown> {
  const { records } = builds;
  const show = (record: NonNullable<ReturnType<typeof records.find>>) => describeBuild(record, records.logFile(record));
  const ids = (input: Input, matches: (project: string) => boolean) => {
    const found = records.all().filter((record) => matches(record.project.name));
    const ordered = input['sortOrder'] === 'ASCENDING' ? found : found.reverse();
    return page(
      ordered.map(({ id }) => id),
      'ids',
      input,
    );
  };
  return {
    StartBuild: async (input, request) => ({ build: show(await builds.start(...startOf(projects, input, request))) }),
    StopBuild: async (input) => {
      const record = records.find(String(input['id']));
      if (!record) throw new CodeBuildError('ResourceNotFoundException', `Build cannot be found: ${String(input['id'])}`);
      await builds.stop(record);
      return { build: show(record) };
    },
    BatchGetBuilds: (input) => {
      const asked = names(input, 'ids');
      const found = asked.flatMap((id) => records.find(id) ?? []);
      return { builds: found.map(show), buildsNotFound: asked.filter((id) => !records.find(id)) };
    },
    ListBuilds: (input) => ids(input, () => true),
    ListBuildsForProject: (input) => {
      const project = projects.get(String(input['projectName']));
      return ids(input, (name) => name === project.name);
    },
    ListProjects: (input) => {
      const sorted = projects
        .all()
        .map(({ name }) => name)
        .sort();
      return page(input['sortOrder'] === 'DESCENDING' ? sorted.reverse() : sorted, 'projects', input);
    },
    BatchGetProjects: (input) => {
      const asked = names(input, 'names');
      return {
        projects: asked.flatMap((name) => projects.find(name) ?? []).map(describeProject),
        projectsNotFound: asked.filter((name) => !projects.find(name)),
      };
    },
  };
}

function startOf(projects: Projects, input: Input, request: ServiceRequest): Parameters<Builds['start']> {
  refuseUnknown('StartBuild', input, START_INPUT);
  const project = projects.get(String(input['projectName'] ?? ''));
  const overrides = (input['environmentVariablesOverride'] ?? []) as { name?: string; value?: string; type?: string }[];
  if (!Array.isArray(overrides)) throw new CodeBuildError('InvalidInputException', 'environmentVariablesOverride must be a list');
  const variables = new Map<string, Variable>();
  for (const variable of [...project.environment.environmentVariables, ...overrides.map(readVariable)])
    variables.set(variable.name, variable);
  const timeoutInMinutes = Number(input['timeoutInMinutesOverride'] ?? project.timeoutInMinutes);
  if (input['timeoutInMinutesOverride'] !== undefined && !(timeoutInMinutes >= 5 && timeoutInMinutes <= 2160)) {
    throw new CodeBuildError('InvalidInputException', 'Invalid timeout in minutes: it must be between 5 and 2160');
  }
  const buildspec = typeof input['buildspecOverride'] === 'string' ? input['buildspecOverride'] : project.buildspec;
  readBuildspec(buildspec);
  const token = input['idempotencyToken'];
  const { caller } = request;
  const initiator = caller.kind === 'admin' ? 'admin' : [caller.roleArn?.split('/').at(-1), caller.functionName].filter(Boolean).join('/');
  const options = { buildspec, variables: [...variables.values()], timeoutInMinutes, initiator };
  return [project, typeof token === 'string' ? { ...options, idempotencyToken: token } : options];
}

function describeProject(project: Project): Record<string, unknown> {
  const { buildspec, logGroup, ...shown } = project;
  return {
    ...shown,
    source: { type: 'NO_SOURCE', buildspec },
    artifacts: { type: 'NO_ARTIFACTS' },
    cache: { type: 'NO_CACHE' },
    logsConfig: { cloudWatchLogs: { status: 'ENABLED', groupName: logGroup } },
    lastModified: project.created,
  };
}

/** Builds are authorized on their project. */
function checksOf(projects: Projects, request: ServiceRequest): IamCheck[] {
  const operation = operationOf(request);
  const action = `codebuild:${operation}`;
  let input: Input = {};
  try {
    input = inputOf(request);
  } catch {
    // The operation answers what is wrong with the body.
  }
  const named: Record<string, () => string[]> = {
    StartBuild: () => [String(input['projectName'] ?? '')],
    ListBuildsForProject: () => [String(input['projectName'] ?? '')],
    StopBuild: () => [projectOf(String(input['id'] ?? ''))],
    BatchGetBuilds: () => (Array.isArray(input['ids']) ? input['ids'].map((id) => projectOf(String(id))) : ['']),
    BatchGetProjects: () => (Array.isArray(input['names']) ? input['names'].map(String) : ['']),
  };
  const resources = named[operation]?.();
  if (!resources) return [{ action, resource: '*' }];
  return [...new Set(resources)].map((name) => ({ action, resource: projects.arn(name) }));
}

function projectOf(buildId: string): string {
  return buildId.replace(/^arn:[^/]*:build\//, '').replace(/:[^:]*$/, '');
}

function operationOf(request: ServiceRequest): string {
  return request.headers['x-amz-target']?.split('.')[1] ?? 'Unknown';
}

function inputOf(request: ServiceRequest): Input {
  let input: unknown;
  try {
    input = JSON.parse(request.body.toString('utf8') || '{}');
  } catch {
    throw new CodeBuildError('InvalidInputException', 'The request body is not JSON');
  }
  return typeof input === 'object' && input !== null ? (input as Input) : {};
}

function names(input: Input, key: string): string[] {
  const value = input[key];
  if (!Array.isArray(value) || value.length < 1 || value.length > 100) {
    throw new CodeBuildError('InvalidInputException', `${key} must be a list of 1 to 100 names`);
  }
  return value.map(String);
}

function page(items: string[], key: string, input: Input): Record<string, unknown> {
  const start = Number(Buffer.from(String(input['nextToken'] ?? ''), 'base64').toString() || 0);
  const nextToken = start + 100 < items.length ? Buffer.from(String(start + 100)).toString('base64') : undefined;
  return { [key]: items.slice(start, start + 100), nextToken };
}

function spell({ status, code, message }: ServiceError): ServiceResponse {
  return { status, headers: { 'content-type': TYPE, 'x-amzn-errortype': code }, body: JSON.stringify({ __type: code, message }) };
}
