import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { promotionScript } from '../../bench/cost.ts';
import { type Script, walkPromotion } from '../../bench/walk-promotion.ts';
import { LONGEST_AHEAD_DAYS } from '../../core/promotion/plan-warnings.ts';
import { ROOT } from './sources.ts';
import { validate } from './validate-machine.ts';

interface State {
  Type: string;
  Resource?: string;
  TimeoutSeconds?: number | string;
  Catch?: { ErrorEquals: string[]; Next: string }[];
  Retry?: { ErrorEquals: string[]; MaxAttempts?: number }[];
  Choices?: unknown[];
  Default?: string;
  [field: string]: unknown;
}

const FOLDER = join(ROOT, 'statemachines');
const machines = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.asl.json'))
  .map((file) => {
    const text = readFileSync(join(FOLDER, file), 'utf8');
    return { file, text, definition: JSON.parse(text) as { Comment?: string; QueryLanguage: string; States: Record<string, State> } };
  });

/** What the local engine does not run, or what AWS' own engine spells otherwise. */
const REFUSED_TYPES = new Set(['Activity']);
const REFUSED_FIELDS = [
  'InputPath',
  'OutputPath',
  'ResultPath',
  'ResultSelector',
  'Parameters',
  'Variable',
  'ItemsPath',
  'ItemReader',
  'ItemBatcher',
];
const RESOURCES = new Set(['arn:aws:states:::lambda:invoke', 'arn:aws:states:::lambda:invoke.waitForTaskToken']);
const REFUSED_JSONATA = /\$eval\b|\?\?|\?:/;

describe.each(machines)('$file', ({ text, definition }) => {
  const states = Object.entries(definition.States);
  const tasks = states.filter(([, state]) => state.Type === 'Task');

  it('passes the validator of AWS', () => {
    expect(validate(JSON.parse(text.replaceAll(/\$\{(\w+)\}/g, 'arn:aws:lambda:eu-central-1:000000000000:function:$1')))).toEqual([]);
  });

  it('says what it is for, in JSONata', () => {
    expect(definition.QueryLanguage).toBe('JSONata');
    expect(definition.Comment?.length).toBeGreaterThan(20);
  });

  it('RACE-16: waits so long at a time that the longest wait stays far below the 25,000 events of a run', () => {
    const loop = ['Wait for its turn', 'Begin rollout', 'Choose next step'];
    // AWS writes at most six events for a task (entered, scheduled, started, submitted, ended, exited), two for a choice.
    const events = loop.reduce((sum, name) => sum + (definition.States[name]!.Type === 'Task' ? 6 : 2), 0);
    const longest = Number(/\$min\(\[(\d+),/.exec(String(definition.States['Wait for its turn']!.TimeoutSeconds))![1]);
    expect(longest).toBe(86_400);
    // Until the date, a look a day; then, approved and locked for as long as a request may be open, a look an hour.
    const [scheduled, locked] = [LONGEST_AHEAD_DAYS, 30 * 24];
    expect((scheduled + locked) * events).toBeLessThan(20_000);
  });

  it('has tasks that call functions only, each with a time-out', () => {
    expect(tasks.filter(([, state]) => !RESOURCES.has(state.Resource!)).map(([name]) => name)).toEqual([]);
    expect(tasks.filter(([, state]) => state.TimeoutSeconds === undefined).map(([name]) => name)).toEqual([]);
  });

  it('has a way on for every wait whose time is over', () => {
    const waiting = tasks.filter(([, state]) => state.Resource!.endsWith('.waitForTaskToken'));
    expect(waiting.length).toBeGreaterThan(0);
    const without = waiting.filter(([, state]) => !state.Catch?.some((each) => each.ErrorEquals.includes('States.Timeout')));
    expect(without.map(([name]) => name)).toEqual([]);
  });

  it('never retries everything, but where it records a failure', () => {
    const everything = tasks.filter(([, state]) => state.Retry?.some((each) => each.ErrorEquals.some((name) => /^States\./.test(name))));
    expect(everything.map(([name]) => name)).toEqual(['Fail promotion']);
    const emptied = tasks
      .flatMap(([, state]) => [...(state.Retry ?? []), ...(state.Catch ?? [])])
      .filter((each) => each.ErrorEquals.length === 0);
    expect(emptied).toEqual([]);
  });

  it('has a default in every choice', () => {
    expect(states.filter(([, state]) => state.Type === 'Choice' && state.Default === undefined).map(([name]) => name)).toEqual([]);
  });

  it('uses nothing that the engines run differently', () => {
    const wrong = states.filter(([, state]) => REFUSED_TYPES.has(state.Type) || REFUSED_FIELDS.some((field) => field in state));
    expect(wrong.map(([name]) => name)).toEqual([]);
    const expressions = [...text.matchAll(/\{%(.*?)%\}/g)].map(([, expression]) => expression!);
    expect(expressions.filter((expression) => REFUSED_JSONATA.test(expression.replaceAll(/ \? .*? : /g, ' ')))).toEqual([]);
    expect(text).not.toContain('"Mode": "DISTRIBUTED"');
  });

  it('names its states by imperative phrases and reaches each of them', () => {
    const targets = new Set([...text.matchAll(/"(?:Next|Default|StartAt)": "([^"]+)"/g)].map(([, name]) => name!));
    expect(states.map(([name]) => name).filter((name) => !targets.has(name))).toEqual([]);
    expect(states.filter(([name]) => !/^[A-Z][a-z]+( [a-z]+)*$/.test(name)).map(([name]) => name)).toEqual([]);
  });
});

it('hears the validator when a definition is wrong', () => {
  const wrong = { QueryLanguage: 'JSONata', StartAt: 'A', States: { A: { Type: 'Pass', Next: 'Nowhere' } } };
  expect(validate(wrong)[0]).toMatch(/Nowhere|MISSING_TRANSITION/);
});

describe('promotion.asl.json ends', () => {
  const straight = promotionScript(3);
  const back = { 'roll-back': [{ next: 'rolled-back' }] };
  const walks: [string, Script, string, string][] = [
    ['as promoted after a canary', straight, 'SUCCEEDED', 'Promoted'],
    ['without rollout when the gates block', { ...straight, 'settle-gates': [{ next: 'end' }] }, 'SUCCEEDED', 'Ended without rollout'],
    ['without rollout when it is rejected', { ...straight, begin: [{ next: 'end' }] }, 'SUCCEEDED', 'Ended without rollout'],
    ['rolled back when a step says so', { ...straight, 'roll-out': [{ next: 'roll-back' }], ...back }, 'FAILED', 'Rolled back'],
    ['rolled back when a step breaks', { ...straight, 'roll-out': [{ errorType: 'Sandbox.Timedout' }], ...back }, 'FAILED', 'Rolled back'],
    ['rolled back when it is aborted while it copies', { ...straight, copy: [{ next: 'roll-back' }], ...back }, 'FAILED', 'Rolled back'],
    ['rolled back when it is aborted at its end', { ...straight, finish: [{ errorType: 'ABORTED' }], ...back }, 'FAILED', 'Rolled back'],
    ['in failure when the copy breaks', { ...straight, copy: [{ errorType: 'DIGEST_MISMATCH' }] }, 'FAILED', 'Failed'],
    [
      'in failure when the way back says so',
      { ...straight, 'roll-out': [{ next: 'roll-back' }], 'roll-back': [{ next: 'failed' }] },
      'FAILED',
      'Failed',
    ],
    [
      'in failure when the way back breaks',
      { ...straight, 'roll-out': [{ next: 'roll-back' }], 'roll-back': [{ errorType: 'ROLLBACK_FAILED' }] },
      'FAILED',
      'Failed',
    ],
  ];
  it.each(walks)('%s', async (_, script, status, last) => {
    const walk = await walkPromotion(script);
    expect([walk.status, walk.states.at(-1)]).toEqual([status, last]);
  });

  it('after going back to the gates, waiting for its turn, and copying in several passes', async () => {
    const walk = await walkPromotion({
      ...straight,
      begin: [{ next: 'gates' }, { next: 'turn', waitSeconds: 1 }, { next: 'copy' }],
      copy: [{ next: 'copy' }, { next: 'tag' }],
    });
    expect(walk.status).toBe('SUCCEEDED');
    const count = (name: string) => walk.states.filter((state) => state === name).length;
    expect([count('Run gates'), count('Wait for its turn'), count('Copy artifact')]).toEqual([2, 1, 2]);
  });

  it('never hand the task token to a state that does not wait', async () => {
    const { calls } = await walkPromotion(straight);
    const waiting = calls.filter(({ taskToken }) => taskToken !== undefined);
    expect(waiting.map(({ task, kind = '' }) => `${task} ${kind}`.trim())).toEqual([
      ...['run-gates', 'wait approval'],
      ...Array.from({ length: 3 }, () => 'wait bake'),
    ]);
  });
});
