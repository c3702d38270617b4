import { Stack } from 'aws-cdk-lib';
import { CfnConfigurationSet, CfnConfigurationSetEventDestination, CfnEmailIdentity } from 'aws-cdk-lib/aws-ses';
import { Construct } from 'constructs';

export interface MailProps {
  /** Address that mail comes from. */
  sender: string;
}

/** Sending mail: identity and a configuration set without click or open tracking, which would rewrite the links. */
export class Mail extends Construct {
  readonly configurationSetName: string;
  readonly arns: string[];

  constructor(scope: Construct, id: string, props: MailProps) {
    super(scope, id);
    new CfnEmailIdentity(this, 'Sender', { emailIdentity: props.sender });
    const set = new CfnConfigurationSet(this, 'ConfigurationSet', {
      name: 'greenlight',
      reputationOptions: { reputationMetricsEnabled: true },
      sendingOptions: { sendingEnabled: true },
    });
    this.configurationSetName = set.ref;
    const arn = (resource: string, resourceName: string) => Stack.of(this).formatArn({ service: 'ses', resource, resourceName });
    // SES publishes to the default bus of the account only.
    const eventBusArn = Stack.of(this).formatArn({ service: 'events', resource: 'event-bus', resourceName: 'default' });
    new CfnConfigurationSetEventDestination(this, 'Returned', {
      configurationSetName: set.ref,
      eventDestination: {
        name: 'returned',
        enabled: true,
        matchingEventTypes: ['bounce', 'complaint', 'reject'],
        eventBridgeDestination: { eventBusArn },
      },
    });
    this.arns = [arn('identity', props.sender), arn('configuration-set', 'greenlight')];
  }
}
