import { describe, expect, it } from 'vitest';
import { chooseRegistries, registryRole } from '../../../core/registry/target.ts';

const PROD = { name: 'prod', registries: ['ecr', 'harbor', 'frankfurt', 'tokyo'] };
const refusal = (asked: string[], environment = PROD, withoutPrimary = false) => {
  try {
    return chooseRegistries(environment, asked, withoutPrimary);
  } catch (error) {
    const { code, message, hint } = error as { code: string; message: string; hint: string };
    return { code, message, hint };
  }
};

describe('the registries of a promotion', () => {
  it('are all of the environment when nothing is asked for', () => {
    expect(chooseRegistries(PROD, undefined)).toEqual(PROD.registries);
  });

  it.each([
    [
      ['primary', 'secondary'],
      ['ecr', 'harbor'],
    ],
    [
      ['tertiary', 'ecr'],
      ['ecr', 'frankfurt'],
    ],
    [
      ['tokyo', 'primary', 'ecr'],
      ['ecr', 'tokyo'],
    ],
  ])('%j are %j', (asked, chosen) => {
    expect(chooseRegistries(PROD, asked)).toEqual(chosen);
  });

  it('have the name before the place where a registry is called like a place', () => {
    expect(refusal(['secondary', 'main'], { name: 'prod', registries: ['main', 'third', 'secondary'] })).toEqual(['main', 'secondary']);
  });

  it.each([['nowhere'], ['further'], ['quaternary'], ['constructor']])('never are %s', (word) => {
    expect(refusal([word, 'primary'])).toEqual({
      code: 'VERSION_REFUSED',
      message: `prod has no registry ${word}`,
      hint: 'choose among ecr (primary), harbor (secondary), frankfurt (tertiary), tokyo',
    });
  });

  it('hold the primary, unless something that is there already is repaired', () => {
    expect(refusal(['harbor'])).toMatchObject({ code: 'VERSION_REFUSED', hint: expect.stringContaining('repair') });
    expect(refusal(['secondary'], PROD, true)).toEqual(['harbor']);
  });

  it('have a role by their place', () => {
    expect([0, 1, 2, 3, 7].map(registryRole)).toEqual(['primary', 'secondary', 'tertiary', 'further', 'further']);
  });
});
