/** The tasks of the run over the local DynamoDB, with a Step Functions that knows names, tokens and who was woken. Time stands still unless moved. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SendTaskSuccessCommand, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { mockClient } from 'aws-sdk-client-mock';
import { vi } from 'vitest';
import type { Decision } from '../../core/approval/decision.ts';
import type { Configuration } from '../../core/environment/configuration.ts';
import type { GateStatus } from '../../core/gate/gate.ts';
import type { GateRunner } from '../../core/gate/ports.ts';
import { create } from '../../core/promotion/create.ts';
import { makePlan, routeOf, specOf } from '../../core/promotion/make-plan.ts';
import { isFinal } from '../../core/promotion/phase.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import type { RequestBody } from '../../core/promotion/request-body.ts';
import { serveTable } from '../adapters/state/served-table.ts';
import { acting, DIGEST, demoConfiguration, ISSUER, keyOf, NOW, requestBody } from '../core/promotion/fixture.ts';

export interface RunWorld {
  configuration: Configuration;
  state: typeof import('../../functions/kit/state.ts');
  sfn: ReturnType<typeof mockStepFunctions>;
  /** Names of the runs that were started. */
  started: string[];
  /** Tokens that were completed, in order, each at most once. */
  woken: string[];
  /** What the gates answer, by name; anything else passes. A function is called instead. */
  gates: Record<string, GateStatus | (() => Promise<GateStatus>)>;
  /** Gates that were run: name and run id. */
  gateRuns: { gate: string; runId: string }[];
  runner: GateRunner;
  logged: string[];
  setTime(iso: string): void;
  create(more?: Partial<RequestBody['target']>, request?: Partial<RequestBody['request']>, to?: string): Promise<Promotion>;
  /** Writes a head as it is wanted, whatever the rules say, and what goes with it. */
  put(promotion: Promotion, more: Partial<Promotion>, decisions?: Decision[]): Promise<Promotion>;
  head(promotion: Pick<Promotion, 'id'>): Promise<Promotion>;
  /** Types of the audit events of a request, in order. */
  events(promotion: Pick<Promotion, 'id'>): Promise<string[]>;
  /** Wakes that wait, without their row. */
  wakes(promotion?: Pick<Promotion, 'id'>): Promise<string[]>;
  close(): Promise<void>;
}

const mockStepFunctions = () => mockClient(SFNClient);

export async function startRunWorld(change: (configuration: Configuration) => void = () => {}): Promise<RunWorld> {
  vi.useFakeTimers({ toFake: ['Date'], now: NOW });
  const served = await serveTable();
  const configuration = demoConfiguration();
  change(configuration);
  const folder = mkdtempSync(join(tmpdir(), 'greenlight-run-'));
  writeFileSync(join(folder, 'greenlight.json'), JSON.stringify(configuration));
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_DYNAMODB: served.served.origin,
    AWS_REGION: served.served.context.region,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    LAMBDA_TASK_ROOT: folder,
    TABLE_NAME: served.name,
    OIDC_ISSUER: ISSUER,
    STATE_MACHINE_ARN: 'arn:machine',
    DELIVER_FUNCTION: 'deliver',
    API_ORIGIN: 'https://greenlight.example.com',
  });
  const started: string[] = [];
  const woken: string[] = [];
  const logged: string[] = [];
  for (const method of ['log', 'error'] as const) vi.spyOn(console, method).mockImplementation((line) => void logged.push(String(line)));
  const sfn = mockStepFunctions();
  const named = (name: string) => Object.assign(new Error(name), { name });
  sfn.on(StartExecutionCommand).callsFake(async ({ name }: { name: string }) => {
    if (started.includes(name)) throw named('ExecutionAlreadyExists');
    started.push(name);
  });
  sfn.on(SendTaskSuccessCommand).callsFake(async ({ taskToken }: { taskToken: string }) => {
    if (woken.includes(taskToken)) throw named('TaskTimedOut');
    woken.push(taskToken);
  });
  const gates: RunWorld['gates'] = {};
  const gateRuns: RunWorld['gateRuns'] = [];
  const runner: GateRunner = {
    async run({ name }, _subject, runId) {
      gateRuns.push({ gate: name, runId });
      const scripted = gates[name] ?? 'passed';
      return { status: typeof scripted === 'function' ? await scripted() : scripted, message: `${name} has looked`, resolution: '' };
    },
  };
  const state = await import('../../functions/kit/state.ts');
  const { promotions, environments, table } = state;
  const occupant = { version: '1.1.0', digest: DIGEST, requestId: 'PR-2026-0001', at: NOW.toISOString() };
  await environments.adopt('staging', 'payment-api', 'tenant-finance', occupant);
  return {
    ...{ configuration, state, sfn, started, woken, gates, gateRuns, runner, logged },
    setTime: (iso) => void vi.setSystemTime(iso),
    async create(more = {}, request = {}, to = 'prod') {
      const body = requestBody(more, request);
      const { from } = routeOf(configuration, to, body.target);
      const version = { tag: '1.1.0', releaseVersion: '1.1.0', digest: DIGEST };
      const environment = undefined;
      const plan = makePlan({ configuration, body, from, to, version, evidence: occupant, environment, requesterKey: keyOf('dev') });
      const id = await promotions.nextId(2026);
      const now = state.clock.now();
      return promotions.commit(create({ ...acting('dev'), id, plan, spec: specOf(body, from, to), requestedVersion: '1.1.0', now }));
    },
    async put(promotion, more, decisions = []) {
      const item = (await table.get(`REQ#${promotion.id}`, 'HEAD'))!;
      const body = { ...(item['body'] as Promotion), ...more };
      const { OPK: _pk, OSK: _sk, ...closed } = item;
      await table.put({ ...(isFinal(body.phase) ? closed : item), phase: body.phase, body });
      for (const decision of decisions)
        await table.put({ PK: `DECISION#${promotion.id}`, SK: `${decision.planHash}#${decision.actor.key}`, body: decision });
      return body;
    },
    async head({ id }) {
      return (await promotions.head(id))!;
    },
    async events({ id }) {
      const rows = (await table.all({ pk: 'OUTBOX#0' })).filter(({ rid }) => rid === id);
      return rows
        .sort((left, right) => Number(left['seq']) - Number(right['seq']))
        .map(({ line }) => JSON.parse(line as string).type as string);
    },
    async wakes(promotion) {
      const pending = await state.wakes.pending();
      return pending
        .filter(({ requestId }) => promotion === undefined || requestId === promotion.id)
        .map(({ kind, attempt, wait }) => [kind, attempt, wait].filter((part) => part !== undefined).join(' '))
        .sort();
    },
    async close() {
      sfn.restore();
      vi.useRealTimers();
      vi.restoreAllMocks();
      await served.stop();
    },
  };
}
