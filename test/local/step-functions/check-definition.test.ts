import { describe, expect, test } from 'vitest';
import { checkDefinition } from '../../../local/step-functions/check-definition.ts';
import { ask, functionArn } from './machine-client.ts';

const faultsOf = (states: Record<string, unknown>, more: Record<string, unknown> = {}) =>
  checkDefinition(JSON.stringify({ QueryLanguage: 'JSONata', StartAt: Object.keys(states)[0], States: states, ...more })).faults.map(
    (fault) => `${fault.location}: ${fault.message}`,
  );
const pass = { Type: 'Pass', End: true };
const task = (more: Record<string, unknown>) => ({ Type: 'Task', Resource: functionArn('f'), End: true, ...more });

test('accepts every state type with its fields', () => {
  const states = {
    Ask: ask({ TimeoutSeconds: 2_592_000, HeartbeatSeconds: 60, Assign: { who: '{% $states.result.by %}' }, Next: 'Choose' }),
    Choose: { Type: 'Choice', Choices: [{ Condition: '{% $who = "x" %}', Next: 'Wait' }], Default: 'Refuse' },
    Wait: { Type: 'Wait', Timestamp: '{% $states.input.at %}', Next: 'Both' },
    Both: { Type: 'Parallel', Branches: [{ StartAt: 'P', States: { P: pass } }], Next: 'Each' },
    Each: {
      Type: 'Map',
      Items: '{% $states.input %}',
      ItemProcessor: { StartAt: 'Q', States: { Q: pass } },
      MaxConcurrency: 3,
      Next: 'Done',
    },
    Done: { Type: 'Succeed' },
    Refuse: { Type: 'Fail', Error: 'Refused', Cause: '{% $states.input.why %}' },
  };
  expect(faultsOf(states, { TimeoutSeconds: 60 })).toEqual([]);
});

describe('refuses what AWS or the engine does not run', () => {
  test.each<[string, Record<string, unknown>, RegExp]>([
    ['JSONPath fields', { A: { ...pass, InputPath: '$.a' } }, /JSONPath field 'InputPath'/],
    ['unknown fields', { A: { ...pass, Otput: 1 } }, /'Otput' is not supported by Step Functions/],
    ['the operator ??, which jsonata 2.0.6 does not have', { A: { ...pass, Output: '{% $states.input.a ?? 1 %}' } }, /JSONata/],
    ['the operator ?:, which jsonata 2.0.6 does not have', { A: { ...pass, Output: '{% $states.input.a ?: 1 %}' } }, /JSONata/],
    ['$eval', { A: { ...pass, Output: '{% $eval("1") %}' } }, /\$eval is not supported/],
    ['half an expression', { A: { ...pass, Output: '{% 1 ' } }, /starts with \{% and ends with %\}/],
    ['an expression deep in Arguments', { A: task({ Arguments: { a: [{ b: '{% ( %}' }] } }) }, /Arguments\/a\[0\]\/b: JSONata/],
    ['SDK integrations', { A: task({ Resource: 'arn:aws:states:::aws-sdk:s3:getObject' }) }, /is not supported/],
    ['activities', { A: task({ Resource: 'arn:aws:states:eu-central-1:000000000000:activity:a' }) }, /is not supported/],
    ['lambda:invoke without a function', { A: task({ Resource: 'arn:aws:states:::lambda:invoke' }) }, /'FunctionName' is required/],
    ['a waiting task that keeps its token', { A: ask({ End: true, Arguments: { FunctionName: 'f' } }) }, /Task\.Token/],
    ['a missing target', { A: { Type: 'Pass', Next: 'B' } }, /Missing 'Next' target: B/],
    ['a state that nothing reaches', { A: pass, B: pass }, /"B" is not reachable/],
    ['neither Next nor End', { A: { Type: 'Pass' } }, /Exactly one of 'Next' and 'End'/],
    [
      'a heartbeat as long as the time-out',
      { A: ask({ End: true, TimeoutSeconds: 60, HeartbeatSeconds: 60 }) },
      /less than TimeoutSeconds/,
    ],
    ['seconds that are not whole', { A: { Type: 'Wait', Seconds: 1.5, End: true } }, /integer from 0/],
    ['an empty ErrorEquals', { A: task({ Retry: [{ ErrorEquals: [] }] }) }, /at least one error name/],
    [
      'States.ALL before other entries',
      { A: task({ Retry: [{ ErrorEquals: ['States.ALL'] }, { ErrorEquals: ['X'] }] }) },
      /alone and last/,
    ],
    [
      'a Distributed Map',
      { A: { Type: 'Map', End: true, ItemProcessor: { ProcessorConfig: { Mode: 'DISTRIBUTED' }, StartAt: 'Q', States: { Q: pass } } } },
      /INLINE/,
    ],
    ['the variable states', { A: { ...pass, Assign: { states: 1 } } }, /reserved/],
    ['unknown types', { A: { Type: '__proto__' } }, /Unknown state type/],
    [
      'a state name twice',
      { A: { Type: 'Parallel', End: true, Branches: [{ StartAt: 'A', States: { A: pass } }] } },
      /Duplicate state name/,
    ],
  ])('%s', (_, states, message) => {
    expect(faultsOf(states).join('\n')).toMatch(message);
  });

  test('an inner scope that assigns a variable of an outer one', () => {
    const inner = { StartAt: 'P', States: { P: { ...pass, Assign: { a: 2 } } } };
    expect(
      faultsOf({ V: { Type: 'Pass', Assign: { a: 1 }, Next: 'Both' }, Both: { Type: 'Parallel', Branches: [inner], End: true } }).join(),
    ).toMatch(/outer scope/);
  });

  test('a machine in JSONPath, and text that is not JSON', () => {
    expect(faultsOf({ A: pass }, { QueryLanguage: 'JSONPath' }).join()).toMatch(/JSONata only/);
    expect(checkDefinition('{').faults[0]?.code).toBe('INVALID_JSON_DESCRIPTION');
  });
});
