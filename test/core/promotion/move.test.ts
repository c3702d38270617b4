import { expect, it } from 'vitest';
import { moveOf, questionOf } from '../../../core/promotion/move.ts';

const move = { artifact: 'payment-api', releaseVersion: '1.1.0', from: 'staging', to: 'prod' };

it.each([
  ['promote', 'payment-api 1.1.0: staging → prod', 'Promote payment-api 1.1.0 to prod?'],
  ['repair', 'payment-api 1.1.0: repair of its copies in prod', 'Copy payment-api 1.1.0 again to prod?'],
  ['rollback', 'payment-api: prod back to 1.1.0', 'Roll payment-api in prod back to 1.1.0?'],
] as const)('a request of kind %s reads "%s" and asks "%s"', (kind, text, question) => {
  expect(moveOf({ ...move, kind })).toBe(text);
  expect(questionOf({ ...move, kind })).toBe(question);
});
