import { expect, it } from 'vitest';
import { identityKey } from '../../../core/access/identity.ts';
import { membershipOf } from '../../../core/access/membership.ts';
import { eligibleFor } from '../../../core/approval/eligible.ts';
import type { Configuration, PersonConfiguration } from '../../../core/environment/configuration.ts';
import { demoConfiguration, promotionIn } from '../promotion/fixture.ts';

const PEOPLE = 500;

/** A configuration of many people, and how often anybody's subject was looked at. */
function crowd(): { configuration: Configuration; looks: () => number } {
  let looks = 0;
  const people = Array.from({ length: PEOPLE }, (_, index): PersonConfiguration => {
    const subject = `person-${index}`;
    const common = { tenants: ['tenant-finance'], roles: ['cpi'], teams: [], disabled: index % 2 === 1 };
    const person = { subject, email: `${subject}@example.com`, name: subject, ...common };
    const look = () => {
      looks++;
      return subject;
    };
    return Object.defineProperty(person, 'subject', { enumerable: true, get: look });
  });
  return { configuration: { ...demoConfiguration(), people }, looks: () => looks };
}

it('who could approve is found without looking at everybody for everybody', () => {
  const { configuration, looks } = crowd();
  const approvers = { configuration, delegations: [], now: '2026-11-20T12:00:00.000Z' };
  const found = eligibleFor({ role: 'cpi' }, promotionIn('pending_approval'), approvers);
  expect(found.map(({ email }) => email).slice(0, 2)).toEqual(['person-0@example.com', 'person-2@example.com']);
  expect(found).toHaveLength(PEOPLE / 2);
  expect(looks()).toBeLessThan(5 * PEOPLE);
});

it('a membership is that of the configuration as it stands, however it has changed since the last look', () => {
  const { configuration } = crowd();
  const { people, issuer } = configuration;
  const rolesOf = (subject: string) => membershipOf(configuration, { issuer, subject }).grants.map(({ role }) => role);
  const person = (subject: string, more: Partial<PersonConfiguration> = {}): PersonConfiguration => ({
    ...{ subject, email: `${subject}@example.com`, name: subject, tenants: [], roles: ['viewer'], teams: [], disabled: false, ...more },
  });
  expect(rolesOf('person-0')).toEqual(['cpi']);
  people[0]!.disabled = true;
  expect(rolesOf('person-0')).toEqual([]);
  people.unshift(person('new'));
  expect([rolesOf('new'), rolesOf('person-2')]).toEqual([['viewer'], ['cpi']]);
  people[0] = person('newer');
  expect([rolesOf('new'), rolesOf('newer')]).toEqual([[], ['viewer']]);
  people.push(person('twice', { disabled: true }), person('twice'));
  expect(rolesOf('twice')).toEqual(['viewer']);
  configuration.issuer = 'https://other.example.com';
  expect(membershipOf(configuration, { issuer, subject: 'newer' }).grants).toEqual([]);
  expect(identityKey({ issuer, subject: 'newer' })).not.toBe(identityKey({ issuer: configuration.issuer, subject: 'newer' }));
});
