/** CloudFormation types of SES. Identities count as verified, DKIM is not signed, delivery is the local inbox. */
import { createHash } from 'node:crypto';
import type { ResourceProvider } from '../service.ts';
import type { Identities } from './identities.ts';
import { SesError } from './ses-error.ts';

/** Providers; a property that would change what the local cloud does, and that it does not know, stops the start with its name. */
export function sesResources(identities: Identities): Record<string, ResourceProvider> {
  return {
    'AWS::SES::EmailIdentity': async ({ properties }) => {
      const known = [
        'EmailIdentity',
        'ConfigurationSetAttributes',
        'DkimAttributes',
        'DkimSigningAttributes',
        'FeedbackAttributes',
        'MailFromAttributes',
      ];
      refuseUnknown('AWS::SES::EmailIdentity', properties, [...known, 'Tags']);
      const identity = String(properties['EmailIdentity']);
      const { ConfigurationSetName } = (properties['ConfigurationSetAttributes'] ?? {}) as { ConfigurationSetName?: string };
      identities.declare(identity, ConfigurationSetName);
      const attributes: Record<string, string> = { EmailIdentityArn: identities.arn(identity) };
      for (const index of [1, 2, 3]) {
        const token = createHash('sha256').update(`${identity} ${index}`).digest('hex').slice(0, 32);
        attributes[`DkimDNSTokenName${index}`] = `${token}._domainkey.${identity}`;
        attributes[`DkimDNSTokenValue${index}`] = `${token}.dkim.amazonses.com`;
      }
      return { ref: identity, attributes };
    },
    'AWS::SES::ConfigurationSet': async ({ properties, defaultName }) => {
      const known = ['Name', 'DeliveryOptions', 'ReputationOptions', 'SendingOptions', 'SuppressionOptions', 'Tags'];
      refuseUnknown('AWS::SES::ConfigurationSet', properties, known);
      const name = (properties['Name'] as string | undefined) ?? defaultName;
      const { SendingEnabled } = (properties['SendingOptions'] ?? {}) as { SendingEnabled?: boolean | string };
      const destinations = identities.configurationSets.get(name)?.destinations ?? {};
      identities.configurationSets.set(name, { sendingEnabled: String(SendingEnabled ?? true) === 'true', destinations });
      return { ref: name, attributes: { Arn: identities.setArn(name) } };
    },
    'AWS::SES::ConfigurationSetEventDestination': async ({ properties, defaultName }) => {
      refuseUnknown('AWS::SES::ConfigurationSetEventDestination', properties, ['ConfigurationSetName', 'EventDestination']);
      const setName = String(properties['ConfigurationSetName']);
      const set = identities.configurationSets.get(setName);
      if (!set) throw new SesError('ConfigurationSetDoesNotExist', `Configuration set <${setName}> does not exist.`);
      const destination = properties['EventDestination'] as Record<string, unknown>;
      refuseUnknown('AWS::SES::ConfigurationSetEventDestination EventDestination', destination, [
        'Name',
        'Enabled',
        'MatchingEventTypes',
        'EventBridgeDestination',
      ]);
      const { EventBusArn } = (destination['EventBridgeDestination'] ?? {}) as { EventBusArn?: string };
      if (!EventBusArn) throw new SesError('ValidationError', `${defaultName}: EventBridgeDestination.EventBusArn is missing`);
      const name = (destination['Name'] as string | undefined) ?? defaultName;
      set.destinations[name] = {
        enabled: String(destination['Enabled'] ?? true) === 'true',
        types: ((destination['MatchingEventTypes'] ?? []) as string[]).map((type) => type.toUpperCase()),
        busArn: EventBusArn,
      };
      return { ref: name, attributes: { Id: name } };
    },
  };
}

function refuseUnknown(type: string, properties: Record<string, unknown>, known: string[]): void {
  const unknown = Object.keys(properties).filter((key) => !known.includes(key));
  if (unknown.length > 0) throw new SesError('ValidationError', `${type}: the local cloud does not support ${unknown.join(', ')}`);
}
