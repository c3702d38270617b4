import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { expect, it } from 'vitest';
import { LINK_KEY_IDS, MacKeys } from '../../lib/mac-keys.ts';

function keysOf(linkKeyIds?: readonly [string, ...string[]]) {
  const stack = new Stack(new App(), 'State');
  const role = (id: string) => new Role(stack, id, { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
  const keys = new MacKeys(stack, 'MacKeys', { issuer: role('Issuer'), verifier: role('Verifier'), ...(linkKeyIds ? { linkKeyIds } : {}) });
  const template = Template.fromStack(stack).toJSON() as {
    // biome-ignore lint/suspicious/noExplicitAny: CloudFormation properties have as many shapes as types
    Resources: Record<string, { Type: string; Properties: any }>;
  };
  const link = Object.entries(template.Resources).filter(
    ([, { Type, Properties }]) => Type === 'AWS::KMS::Key' && /^Approval links/.test(Properties.Description),
  );
  const allowed = Object.values(template.Resources)
    .filter(({ Type }) => Type === 'AWS::IAM::Policy')
    .flatMap(({ Properties }) => Properties.PolicyDocument.Statement as { Action: string; Resource: unknown }[]);
  return {
    keys,
    link,
    allowed: (action: string) => allowed.filter(({ Action }) => Action === action).map(({ Resource }) => [Resource].flat().length),
  };
}

it('LINK-21 the key of links is rotated by a second kid: the old key stays the same resource, verifies, and signs nothing more', () => {
  const [one, two] = [keysOf(), keysOf(['k1', 'k2'])];
  expect(LINK_KEY_IDS).toEqual(['k1']);
  expect([one.keys.presentLinkKey, two.keys.presentLinkKey]).toEqual(['k1', 'k2']);
  expect(Object.keys(two.keys.links)).toEqual(['k1', 'k2']);
  expect(two.link).toHaveLength(2);
  // A changed logical id would be another key, and every mail that is out would be worth nothing.
  expect(two.link.map(([id]) => id)).toContain(one.link[0]![0]);
  expect([two.allowed('kms:GenerateMac'), two.allowed('kms:VerifyMac')]).toEqual([[1], [2]]);
  for (const [, { Properties }] of two.link) {
    const denied = Properties.KeyPolicy.Statement.filter(({ Effect }: { Effect: string }) => Effect === 'Deny');
    expect(denied.map(({ Action }: { Action: string }) => Action).sort()).toEqual(['kms:GenerateMac', 'kms:VerifyMac']);
  }
  expect(Object.keys(keysOf(['k2']).keys.links)).toEqual(['k2']);
});
