import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { createCodeBuild } from '../../../local/codebuild/codebuild.ts';
import type { LocalService, ResourceRequest, ServiceRequest } from '../../../local/service.ts';
import { makeContext, type TestContext } from '../context.ts';

interface ShownBuild {
  id: string;
  arn: string;
  buildStatus: string;
  buildComplete: boolean;
  currentPhase: string;
  logs: { deepLink: string };
  phases: { phaseType: string; phaseStatus?: string; contexts?: object[] }[];
  exportedEnvironmentVariables: object[];
}

interface Answer {
  __type: string;
  message: string;
  build: ShownBuild;
  builds: ShownBuild[];
  ids: string[];
  projects: unknown[];
}

interface World {
  context: TestContext;
  service: LocalService;
  call(operation: string, input: object): Promise<{ status: number; body: Answer }>;
  /** Starts a build and waits for its end. */
  build(input?: object): Promise<ShownBuild>;
}

const worlds: World[] = [];
afterEach(async () => {
  const closing = worlds.splice(0);
  for (const { service, context } of closing) {
    await service.close?.();
    await context.stop();
  }
  for (const { context } of closing) rmSync(context.data, { recursive: true, force: true });
});

const ROLE = 'arn:aws:iam::000000000000:role/build';
/** Shells and `ps` take their time on a busy machine. */
const PATIENT = { timeout: 120_000 };
/** Seconds that nobody else sleeps here: other runs of this test may share the machine. */
const [LONG, LONGER] = [`471.${process.pid}`, `531.${process.pid}`];

async function world(buildspec: object | string, more: object = {}, data?: string): Promise<World> {
  const context = makeContext('codebuild', data === undefined ? {} : { data });
  const service = createCodeBuild(context, { endpoint: () => 'http://127.0.0.1:4700' });
  const call: World['call'] = async (operation, input) => {
    const answer = await service.handle(requestOf(operation, input));
    return { status: answer.status, body: JSON.parse(String(answer.body)) as Answer };
  };
  const made: World = {
    context,
    service,
    call,
    async build(input = {}) {
      const started = await call('StartBuild', { projectName: 'p', ...input });
      expect(started.body).toHaveProperty('build');
      return finished(made, started.body.build.id);
    },
  };
  worlds.push(made);
  await declare(service, buildspec, more);
  return made;
}

function declare(service: LocalService, buildspec: object | string, more: object = {}) {
  const properties = {
    Name: 'p',
    ServiceRole: ROLE,
    Source: { Type: 'NO_SOURCE', BuildSpec: typeof buildspec === 'string' ? buildspec : JSON.stringify(buildspec) },
    Artifacts: { Type: 'NO_ARTIFACTS' },
    Environment: {
      Type: 'ARM_CONTAINER',
      Image: 'image',
      ComputeType: 'BUILD_GENERAL1_SMALL',
      EnvironmentVariables: [{ Name: 'A', Value: 'project' }],
    },
    ...more,
  };
  const request = {
    type: 'AWS::CodeBuild::Project',
    properties,
    logicalId: 'P',
    stack: 's',
    defaultName: 's-P',
    assembly: '',
  } as unknown as ResourceRequest;
  return service.resources['AWS::CodeBuild::Project']!(request);
}

async function finished({ call }: World, id: string): Promise<ShownBuild> {
  await expect
    .poll(async () => (await call('BatchGetBuilds', { ids: [id] })).body.builds[0], { ...PATIENT, interval: 30 })
    .toSatisfy((build: ShownBuild) => build.buildComplete);
  return (await call('BatchGetBuilds', { ids: [id] })).body.builds[0]!;
}

function requestOf(operation: string, input: object): ServiceRequest {
  return {
    method: 'POST',
    url: new URL('http://127.0.0.1/'),
    headers: { 'x-amz-target': `CodeBuild_20161006.${operation}` },
    body: Buffer.from(JSON.stringify(input)),
    caller: { kind: 'role', accessKeyId: 'a', roleArn: 'arn:aws:iam::000000000000:role/starter', functionName: 'gate' },
    requestId: 'r',
    presigned: false,
  };
}

const phases = (commands: Record<string, string[]>, env?: object) => ({
  version: '0.2',
  ...(env ? { env } : {}),
  phases: Object.fromEntries(Object.entries(commands).map(([name, list]) => [name, { commands: list }])),
});
const logOf = (build: ShownBuild) => readFileSync(new URL(build.logs.deepLink), 'utf8');
const statuses = (context: TestContext) => context.emitted.map(({ detail }) => (detail as Record<string, unknown>)['build-status']);

describe('a build', () => {
  it('runs its phases in an empty folder, hands state on, exports variables, and announces start and end', async () => {
    const spec = `
version: 0.2
env:
  variables: {A: spec, B: spec}
  exported-variables: [RESULT, MISSING]
phases:
  install:
    commands:
      - FOUND=$(ls -A | wc -l | tr -d ' '); echo $FOUND > count
  build:
    commands:
      - mkdir sub && cd sub && export RESULT="multi
        line $A $B $C"
      - pwd; cat ../count; echo "out $RESULT"; echo err >&2
  post_build:
    commands:
      - echo "succeeding $CODEBUILD_BUILD_SUCCEEDING"
`;
    const made = await world(spec);
    const build = await made.build({ environmentVariablesOverride: [{ name: 'C', value: "it's; $(date)", type: 'PLAINTEXT' }] });
    expect(build).toMatchObject({
      buildStatus: 'SUCCEEDED',
      currentPhase: 'COMPLETED',
      buildNumber: 1,
      initiator: 'starter/gate',
      projectName: 'p',
    });
    expect(build.exportedEnvironmentVariables).toEqual([{ name: 'RESULT', value: "multi line project spec it's; $(date)" }]);
    const log = logOf(build);
    expect(log).toMatch(/\/sub\n0\nout multi line project/);
    expect(log).toContain('err\n');
    expect(log).toContain('succeeding 1');
    expect(build.phases.map(({ phaseType, phaseStatus }) => `${phaseType} ${phaseStatus ?? ''}`.trim())).toEqual([
      'SUBMITTED SUCCEEDED',
      'QUEUED SUCCEEDED',
      'PROVISIONING SUCCEEDED',
      'DOWNLOAD_SOURCE SUCCEEDED',
      'INSTALL SUCCEEDED',
      'PRE_BUILD SUCCEEDED',
      'BUILD SUCCEEDED',
      'POST_BUILD SUCCEEDED',
      'UPLOAD_ARTIFACTS SUCCEEDED',
      'FINALIZING SUCCEEDED',
      'COMPLETED',
    ]);
    expect(statuses(made.context)).toEqual(['IN_PROGRESS', 'SUCCEEDED']);
    expect(made.context.emitted[1]).toMatchObject({
      source: 'aws.codebuild',
      detailType: 'CodeBuild Build State Change',
      resources: [build.arn],
      detail: {
        'project-name': 'p',
        'build-id': build.arn,
        'current-phase': 'COMPLETED',
        'additional-information': {
          'build-complete': true,
          'exported-environment-variables': build.exportedEnvironmentVariables,
          'build-start-time': expect.stringMatching(/^[A-Z][a-z]{2} \d{1,2}, \d{4} \d{1,2}:\d\d:\d\d [AP]M$/),
          environment: { 'environment-variables': expect.arrayContaining([{ name: 'A', value: 'project', type: 'PLAINTEXT' }]) },
        },
      },
    });
  });

  it('sees nothing of this process but PATH, and its own credentials', async () => {
    process.env['LEAK_OF_PARENT'] = 'secret';
    const made = await world(phases({ build: ['env | sort'] }));
    const overrides = [{ name: 'AWS_ACCESS_KEY_ID', value: 'stolen' }];
    const log = logOf(await made.build({ environmentVariablesOverride: overrides }));
    delete process.env['LEAK_OF_PARENT'];
    expect(log).not.toContain('LEAK_OF_PARENT');
    expect(log).toContain(`AWS_SESSION_TOKEN=token of ${ROLE}`);
    expect(log).toContain('AWS_ACCESS_KEY_ID=ASIAEXAMPLE');
    expect(log).toContain('AWS_ENDPOINT_URL=http://127.0.0.1:4700');
    const names = log.split('\n').flatMap((line) => /^([A-Za-z_]\w*)=/.exec(line)?.[1] ?? []);
    const known = /^(A|PATH|HOME|LANG|PWD|OLDPWD|SHLVL|_|AWS_\w+|CODEBUILD_\w+)$/;
    expect(names.filter((name) => !known.test(name))).toEqual([]);
  });

  it('fails with the first command that fails, but still runs post_build and finally', async () => {
    const made = await world({
      version: 0.2,
      phases: {
        build: { commands: ['echo one', '(exit 3)', 'echo never'], finally: ['echo last'] },
        post_build: { commands: ['echo "succeeding $CODEBUILD_BUILD_SUCCEEDING"'] },
      },
    });
    const build = await made.build();
    expect(build.buildStatus).toBe('FAILED');
    const log = logOf(build).replaceAll(/\[Container\].*/g, '');
    expect(log.split('\n').filter(Boolean)).toEqual(['one', 'last', 'succeeding 0']);
    expect(build.phases.find(({ phaseType }) => phaseType === 'BUILD')?.contexts).toEqual([
      { statusCode: 'COMMAND_EXECUTION_ERROR', message: 'Error while executing command: (exit 3). Reason: exit status 3' },
    ]);
    expect(statuses(made.context)).toEqual(['IN_PROGRESS', 'FAILED']);
  });

  it('does not build after a failed pre_build', async () => {
    const made = await world(phases({ pre_build: ['exit 1'], build: ['echo built'], post_build: ['echo after'] }));
    const build = await made.build();
    expect(build.buildStatus).toBe('FAILED');
    expect(logOf(build)).not.toMatch(/^(built|after)$/m);
  });

  it('is killed with everything it started when its time is over', async () => {
    const made = await world(phases({ build: [`sleep ${LONG} & sleep ${LONG}`] }), { TimeoutInMinutes: 0.005 });
    const build = await made.build();
    expect(build.buildStatus).toBe('TIMED_OUT');
    expect(statuses(made.context)).toEqual(['IN_PROGRESS', 'TIMED_OUT']);
    await expect.poll(() => running(LONG), PATIENT).toBe(false);
  });

  it('stops when asked, running or queued; two run at once', async () => {
    const made = await world(phases({ build: ['sleep 300'] }));
    const ids: string[] = [];
    for (let index = 0; index < 3; index++) ids.push((await made.call('StartBuild', { projectName: 'p' })).body.build.id);
    const third = () => made.call('BatchGetBuilds', { ids: [ids[2]!] }).then(({ body }) => body.builds[0]!);
    expect((await third()).currentPhase).toBe('QUEUED');
    await made.call('StopBuild', { id: ids[0] });
    expect((await finished(made, ids[0]!)).buildStatus).toBe('STOPPED');
    await expect.poll(async () => (await third()).currentPhase, PATIENT).toBe('BUILD');
    for (const id of ids.slice(1)) await made.call('StopBuild', { id });
    expect((await finished(made, ids[2]!)).buildStatus).toBe('STOPPED');
    expect((await made.call('ListBuildsForProject', { projectName: 'p' })).body.ids).toEqual([...ids].reverse());
  });

  it('keeps the first MiB of its output', async () => {
    const made = await world(phases({ build: ['head -c 3000000 /dev/zero | tr "\\0" x'] }));
    const log = logOf(await made.build());
    expect(log.length).toBeLessThan(1_049_000);
    expect(log).toContain('is not kept');
  });

  it('started twice with one token is one build', async () => {
    const made = await world(phases({ build: ['true'] }));
    const first = await made.build({ idempotencyToken: 'token' });
    expect((await made.call('StartBuild', { projectName: 'p', idempotencyToken: 'token' })).body.build.id).toBe(first.id);
  });
});

describe('after a kill', () => {
  it('an interrupted build is a FAULT with an event, and what it left running is ended', async () => {
    const spec = phases({ build: [`sleep ${LONGER}`] });
    const first = await world(spec);
    const { body } = await first.call('StartBuild', { projectName: 'p' });
    await expect.poll(() => running(LONGER), PATIENT).toBe(true);
    // The first process is not closed: its child goes on, as after kill -9.
    const second = await world(spec, {}, first.context.data);
    await second.service.start?.();
    const [build] = (await second.call('BatchGetBuilds', { ids: [body.build.id] })).body.builds;
    expect(build!.buildStatus).toBe('FAULT');
    expect(statuses(second.context)).toEqual(['FAULT']);
    if (process.platform === 'linux') await expect.poll(() => running(LONGER), PATIENT).toBe(false);
    const third = await world(spec, {}, first.context.data);
    await third.service.start?.();
    expect(third.context.emitted).toEqual([]);
  });
});

describe('the API', () => {
  it('refuses by name what it does not run', async () => {
    const made = await world(phases({ build: ['true'] }));
    const refuse = (buildspec: object | string, more: object = {}) => expect(declare(made.service, buildspec, more)).rejects;
    await refuse({ version: 0.2, phases: { build: { commands: [] } }, artifacts: { files: [] } }).toThrow('artifacts');
    await refuse({ version: 0.2, env: { 'secrets-manager': { A: 'b' } }, phases: { build: {} } }).toThrow('secrets-manager');
    await refuse('version: 0.1').toThrow('version');
    await refuse(phases({ build: [] }), { Source: { Type: 'GITHUB' } }).toThrow('Source.Type');
    await refuse(phases({ build: [] }), { VpcConfig: {} }).toThrow('VpcConfig');
    const secret = { EnvironmentVariables: [{ Name: 'S', Value: 'x', Type: 'SECRETS_MANAGER' }] };
    await refuse(phases({ build: [] }), { Environment: secret }).toThrow('SECRETS_MANAGER');
    expect((await made.call('StartBuild', { projectName: 'none' })).body.__type).toBe('ResourceNotFoundException');
    expect((await made.call('StartBuild', { projectName: 'p', imageOverride: 'x' })).body.message).toContain('imageOverride');
    expect((await made.call('StartBuildBatch', {})).body.__type).toBe('UnknownOperationException');
  });

  it('lists projects and authorizes builds on their project', async () => {
    const { call, service } = await world(phases({ build: ['true'] }));
    expect((await call('ListProjects', {})).body).toEqual({ projects: ['p'] });
    const [project] = (await call('BatchGetProjects', { names: ['p'] })).body.projects;
    expect(project).toMatchObject({ name: 'p', serviceRole: ROLE, source: { type: 'NO_SOURCE' } });
    const resource = 'arn:aws:codebuild:eu-central-1:000000000000:project/p';
    expect(await service.checks(requestOf('StartBuild', { projectName: 'p' }))).toEqual([{ action: 'codebuild:StartBuild', resource }]);
    expect(await service.checks(requestOf('BatchGetBuilds', { ids: ['p:1', 'p:2'] }))).toEqual([
      { action: 'codebuild:BatchGetBuilds', resource },
    ]);
  });
});

/** Whether a `sleep` of this length runs anywhere on the machine. */
async function running(seconds: string): Promise<boolean> {
  const list = spawn('ps', ['-eo', 'args']);
  let output = '';
  for await (const chunk of list.stdout) output += String(chunk);
  return output.split('\n').some((line) => line.trim() === `sleep ${seconds}`);
}
