import { expect, it } from 'vitest';
import { targetPayload } from '../../../local/eventbridge/target-input.ts';

const EVENT = { id: '1', source: 'app', detail: { name: 'say "hi"', count: 3, list: [{ a: 'x' }], 'odd key': true } };
const RULE = { arn: 'arn:rule', name: 'rule', ingestionTime: '2026-11-20T12:00:00.000Z' };
const payload = (target: object) => targetPayload(EVENT, target, RULE);

it('passes the whole event, a constant, or a part', () => {
  expect(JSON.parse(payload({}))).toEqual(EVENT);
  expect(payload({ Input: '{"a":1}' })).toBe('{"a":1}');
  expect(payload({ InputPath: '$.detail.list[0].a' })).toBe('"x"');
  expect(payload({ InputPath: "$.detail['odd key']" })).toBe('true');
  expect(payload({ InputPath: '$.detail.constructor' })).toBe('null');
});

it('fills templates: JSON outside of quotes, escaped text inside them', () => {
  const InputPathsMap = { name: '$.detail.name', count: '$.detail.count', list: '$.detail.list', none: '$.detail.none' };
  const InputTemplate =
    '{"n": <name>, "t": "<name> x<count>", "l": <list>, "u": <none>, "v": "<none>", "r": "<aws.events.rule-name>", "s": "<other>"}';
  expect(JSON.parse(payload({ InputTransformer: { InputPathsMap, InputTemplate } }))).toEqual({
    n: 'say "hi"',
    t: 'say "hi" x3',
    l: [{ a: 'x' }],
    u: null,
    v: '',
    r: 'rule',
    s: '<other>',
  });
});

it('knows the reserved variables', () => {
  expect(JSON.parse(payload({ InputTransformer: { InputTemplate: '<aws.events.event.json>' } }))).toEqual(EVENT);
  expect(JSON.parse(payload({ InputTransformer: { InputTemplate: '{"e": <aws.events.event>, "a": <aws.events.rule-arn>}' } }))).toEqual({
    e: { id: '1', source: 'app' },
    a: 'arn:rule',
  });
});
