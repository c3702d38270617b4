import { expect, test } from 'vitest';
import { eventFilter } from '../../../local/lambda/event-filter.ts';

const RECORD = {
  eventName: 'INSERT',
  dynamodb: { NewImage: { n: { N: '12' }, tags: { L: ['a', 'b'] }, done: { BOOL: true }, none: { NULL: null } } },
};

const image = (rules: unknown) => JSON.stringify({ dynamodb: { NewImage: rules } });

test.each([
  ['equality', '{"eventName":["REMOVE","INSERT"]}', true],
  ['inequality', '{"eventName":["REMOVE"]}', false],
  ['booleans', image({ done: { BOOL: [true] } }), true],
  ['null', image({ none: { NULL: [null] } }), true],
  ['an item of an array', image({ tags: { L: ['b'] } }), true],
  ['prefix', '{"eventName":[{"prefix":"INS"}]}', true],
  ['suffix', '{"eventName":[{"suffix":"INS"}]}', false],
  ['equals-ignore-case', '{"eventName":[{"equals-ignore-case":"insert"}]}', true],
  ['anything-but', '{"eventName":[{"anything-but":["INSERT"]}]}', false],
  ['anything-but prefix', '{"eventName":[{"anything-but":{"prefix":"REM"}}]}', true],
  ['anything-but of an absent field', '{"absent":[{"anything-but":["x"]}]}', false],
  ['exists', image({ n: { N: [{ exists: true }] } }), true],
  ['exists false', image({ m: { N: [{ exists: false }] } }), true],
  ['exists false of a present field', image({ n: { N: [{ exists: false }] } }), false],
  ['numeric on a DynamoDB number', image({ n: { N: [{ numeric: ['>', 10, '<=', 12] }] } }), true],
  ['numeric out of range', image({ n: { N: [{ numeric: ['<', 12] }] } }), false],
  ['$or', '{"$or":[{"eventName":["REMOVE"]},{"dynamodb":{"NewImage":{"done":{"BOOL":[true]}}}}]}', true],
  ['inherited names', '{"constructor":[{"exists":true}]}', false],
])('%s', (_name, pattern, expected) => {
  expect(eventFilter([pattern])(RECORD)).toBe(expected);
});

test('any of several patterns lets a record pass, and none declared lets all pass', () => {
  expect(eventFilter(['{"eventName":["MODIFY"]}', '{"eventName":["INSERT"]}'])(RECORD)).toBe(true);
  expect(eventFilter([])(RECORD)).toBe(true);
});

test('an unknown operator is refused when the filter is made', () => {
  expect(() => eventFilter(['{"a":[{"cidr":"10.0.0.0/8"}]}'])).toThrow(/cidr/);
  expect(() => eventFilter(['{"a":"b"}'])).toThrow();
});
