import { describe, expect, it } from 'vitest';
import { compilePattern, InvalidPattern } from '../../../local/eventbridge/event-pattern.ts';

const EVENT = {
  version: '0',
  'detail-type': 'EC2 Instance State-change Notification',
  source: 'aws.ec2',
  time: '2026-11-20T12:00:00Z',
  resources: ['arn:one', 'arn:two'],
  detail: {
    'c-count': 5,
    'x-limit': 301.8,
    'source-ip': '10.0.0.33',
    state: 'running',
    file: 'dir/lib/photo.PNG',
    nothing: null,
    empty: '',
    yes: true,
    starred: 'a*b',
    items: [
      { sku: 'A', count: 1 },
      { sku: 'B', count: 2 },
    ],
  },
};

const detail = (conditions: unknown) => ({ detail: conditions });

describe('event patterns', () => {
  it.each([
    [{ source: ['aws.ec2'] }],
    [{ source: ['aws.s3', 'aws.ec2'], 'detail-type': ['EC2 Instance State-change Notification'] }],
    [{ resources: ['arn:two'] }],
    [{ time: [{ prefix: '2026-11' }] }],
    [detail({ state: [{ prefix: { 'equals-ignore-case': 'RUN' } }] })],
    [detail({ state: [{ suffix: 'ning' }] })],
    [detail({ file: [{ suffix: { 'equals-ignore-case': '.png' } }] })],
    [detail({ state: [{ 'equals-ignore-case': 'RUNNING' }] })],
    [detail({ file: [{ wildcard: 'dir/*/photo.*' }] })],
    [detail({ file: [{ wildcard: '*' }] })],
    [detail({ starred: [{ wildcard: 'a\\*b' }] })],
    [detail({ state: [{ 'anything-but': 'stopped' }] })],
    [detail({ state: [{ 'anything-but': ['stopped', 'pending'] }] })],
    [detail({ 'c-count': [{ 'anything-but': [1, 2] }] })],
    [detail({ state: [{ 'anything-but': { prefix: 'stop' } }] })],
    [detail({ state: [{ 'anything-but': { prefix: ['stop', 'pend'] } }] })],
    [detail({ state: [{ 'anything-but': { suffix: '.png' } }] })],
    [detail({ state: [{ 'anything-but': { wildcard: '*/lib/*' } }] })],
    [detail({ state: [{ 'anything-but': { 'equals-ignore-case': ['STOPPED'] } }] })],
    [detail({ 'c-count': [{ numeric: ['>', 0, '<=', 5] }] })],
    [detail({ 'x-limit': [{ numeric: ['=', 3.018e2] }] })],
    [detail({ 'source-ip': [{ cidr: '10.0.0.0/24' }] })],
    [detail({ state: [{ exists: true }] })],
    [detail({ missing: [{ exists: false }] })],
    [detail({ items: [{ exists: false }] })],
    [detail({ nothing: [null] })],
    [detail({ empty: [''] })],
    [detail({ yes: [true] })],
    [detail({ missing: ['x', { exists: false }] })],
    [detail({ items: { sku: ['B'], count: [2] } })],
    [{ $or: [{ source: ['aws.s3'] }, { detail: { state: ['running'] } }] }],
    [detail({ $or: [{ 'c-count': [{ numeric: ['>', 9] }] }, { 'x-limit': [{ numeric: ['<', 400] }], yes: [true] }] })],
  ])('matches %j', (pattern) => {
    expect(compilePattern(pattern)(EVENT)).toBe(true);
    expect(compilePattern(JSON.stringify(pattern))(EVENT)).toBe(true);
  });

  it.each([
    [{ source: ['AWS.EC2'] }],
    [{ source: ['aws.ec2'], detail: { state: ['stopped'] } }],
    [detail({ state: [{ 'anything-but': 'running' }] })],
    [detail({ state: [{ 'anything-but': { prefix: ['run', 'x'] } }] })],
    [detail({ file: [{ 'anything-but': { wildcard: '*/lib/*' } }] })],
    [detail({ missing: [{ 'anything-but': 'x' }] })],
    [detail({ 'c-count': ['5'] })],
    [detail({ 'c-count': [{ numeric: ['<', 5] }] })],
    [detail({ 'source-ip': [{ cidr: '10.0.1.0/24' }] })],
    [detail({ state: [{ exists: false }] })],
    [detail({ items: [{ exists: true }] })],
    [detail({ items: { sku: ['A'], count: [2] } })],
    [detail({ items: { sku: [{ exists: false }] } })],
    [detail({ nothing: [''] })],
    [detail({ starred: [{ wildcard: 'a\\*c' }] })],
    [detail({ state: [{ wildcard: 'run*running' }] })],
    [{ $or: [{ source: ['aws.s3'] }, { detail: { state: ['stopped'] } }] }],
    [{ __proto__: null, constructor: ['x'] }],
  ])('does not match %j', (pattern) => {
    expect(compilePattern(pattern)(EVENT)).toBe(false);
  });

  it.each([
    ['not json'],
    [[]],
    [{}],
    [{ source: 'aws.ec2' }],
    [{ source: [] }],
    [{ detail: {} }],
    [{ source: [{ like: 'x' }] }],
    [{ source: [{ prefix: 'a', suffix: 'b' }] }],
    [{ source: [{ prefix: 1 }] }],
    [{ source: [{ wildcard: 'a**b' }] }],
    [{ source: [{ wildcard: 'a\\b' }] }],
    [{ source: [{ numeric: ['>', 5, '<', 1] }] }],
    [{ source: [{ numeric: ['~', 5] }] }],
    [{ source: [{ cidr: '10.0.0.0/33' }] }],
    [{ source: [{ exists: 'yes' }] }],
    [{ source: [{ 'anything-but': ['a', 1] }] }],
    [{ source: [['nested']] }],
  ])('refuses %j', (pattern) => {
    expect(() => compilePattern(pattern)).toThrow(InvalidPattern);
  });
});
