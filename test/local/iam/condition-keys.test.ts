// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are policy variables
import { describe, expect, it } from 'vitest';
import { conditionKeys, valueClass } from '../../../local/iam/condition-keys.ts';

function usesOf(condition: Record<string, Record<string, unknown>>, resource = '*') {
  return conditionKeys({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: resource, Condition: condition }] });
}

describe('classes of context values', () => {
  const use = usesOf({
    'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['REQ#*', 'OUTBOX#?'] },
    Null: { 'dynamodb:LeadingKeys': 'false' },
  }).get('dynamodb:leadingkeys')!;

  it('are the same for values that match the same texts', () => {
    expect(valueClass(['REQ#1'], use)).toEqual(valueClass(['REQ#2', 'REQ#3'], use));
  });

  it('differ for values that match other texts, for the text itself, and for single values', () => {
    const classes = [['REQ#1'], ['OUTBOX#1'], ['OUTBOX#12'], ['REQ#1', 'OUTBOX#1'], ['REQ#*'], ['X'], 'REQ#1'].map((value) =>
      JSON.stringify(valueClass(value, use)),
    );
    // 'OUTBOX#12' and 'X' both match nothing.
    expect(new Set(classes).size).toBe(6);
  });

  it('take the characters of regular expressions for themselves', () => {
    const dotted = usesOf({ StringLike: { k: 'a.c(*' } }).get('k')!;
    expect(valueClass('abc(x', dotted)).not.toEqual(valueClass('a.c(x', dotted));
  });

  it('are the value itself for other operators and for policy variables', () => {
    expect(valueClass('5', usesOf({ NumericLessThan: { k: '9' } }).get('k')!)).toBe('5');
    expect(valueClass('x', usesOf({ StringEqualsIgnoreCase: { k: 'X' } }).get('k')!)).toBe('x');
    expect(valueClass('x', usesOf({ StringEquals: { k: '${aws:PrincipalArn}' } }).get('k')!)).toBe('x');
    expect(valueClass('x', usesOf({ StringEquals: { 'aws:username': 'y' } }, 'arn:aws:s3:::b/${aws:username}').get('aws:username')!)).toBe(
      'x',
    );
  });
});
