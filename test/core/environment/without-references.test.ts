import { expect, it } from 'vitest';
import { withoutReferences } from '../../../core/environment/without-references.ts';

it('AUTH-14: a configuration is shown without the names of its secrets, and everything else as it is', () => {
  const shown = withoutReferences({ url: 'ssm:/a/b', hooks: [{ secret: 'secret:x', token: null, min: 1 }], name: 'secretary', isOn: true });
  expect(shown).toEqual({
    url: 'reference (ssm)',
    hooks: [{ secretReference: 'reference (secret)', tokenReference: null, min: 1 }],
    name: 'secretary',
    isOn: true,
  });
});
