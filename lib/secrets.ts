import { RemovalPolicy } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Secret, type SecretStringGenerator } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { Configuration } from '../core/environment/configuration.ts';

const SLACK_SIGNING = 'slack-signing-secret';

export interface SecretsProps {
  /** greenlight.yaml as it is deployed: whatever it refers to as `secret:greenlight/…` exists, and may be read. */
  configuration: Configuration;
}

/** Secrets that the configuration refers to as `secret:greenlight/…`. Their values are put after the deployment, never in a template. */
export class Secrets extends Construct {
  private readonly secrets: Secret[];
  /** What proves a click in Slack. */
  private readonly slackApp: Secret[];
  /** What signs events for receivers of the configuration, and addresses of theirs that are secret. */
  private readonly webhooks: Secret[] = [];

  constructor(scope: Construct, id: string, props: SecretsProps) {
    super(scope, id);
    const secret = (name: string, description: string, generated?: SecretStringGenerator) =>
      new Secret(this, name, {
        secretName: `greenlight/${name}`,
        description,
        removalPolicy: RemovalPolicy.RETAIN,
        ...(generated ? { generateSecretString: generated } : {}),
      });
    // Until its value is put, a random one stands there, and a comma in it would be read as the end of one secret and the beginning of another.
    const signing = secret(SLACK_SIGNING, 'Signing secret of the Slack app whose buttons decide', { excludePunctuation: true });
    const botToken = /^secret:greenlight\/(.+)$/.exec(props.configuration.notifications.slack?.botToken ?? '')?.[1];
    this.slackApp = [signing, ...(botToken === undefined ? [] : [secret(botToken, 'Bot token of the Slack app')])];
    this.secrets = [
      secret('slack-webhook', 'URL of the Slack incoming webhook'),
      secret('smoke-test-token', 'Bearer token of the smoke checks'),
      secret('gate-hmac', 'Key of signed gate callbacks'),
    ];
    const own = new Set(['slack-webhook', 'smoke-test-token', 'gate-hmac', SLACK_SIGNING, botToken]);
    const { notifications, ...elsewhere } = props.configuration;
    const { webhooks, ...channels } = notifications;
    const forReceivers = new Set(referredTo(webhooks));
    const everybodys = new Set(referredTo({ ...elsewhere, channels }));
    for (const name of [...new Set([...everybodys, ...forReceivers])].filter((name) => !own.has(name))) {
      const made = secret(name, 'A secret that greenlight.yaml refers to');
      if (everybodys.has(name)) this.secrets.push(made);
      if (forReceivers.has(name)) this.webhooks.push(made);
    }
  }

  read(): PolicyStatement {
    return reading(this.secrets);
  }

  /** Only who decides reads it: nobody else could tell a click from a forgery, or needs to. */
  readSlackApp(): PolicyStatement {
    return reading(this.slackApp);
  }

  /** Only who sends to them reads them. */
  readWebhooks(): PolicyStatement[] {
    return this.webhooks.length === 0 ? [] : [reading(this.webhooks)];
  }
}

function reading(secrets: readonly Secret[]): PolicyStatement {
  return new PolicyStatement({ actions: ['secretsmanager:GetSecretValue'], resources: secrets.map((secret) => secret.secretArn) });
}

/** Names behind every `secret:greenlight/<name>` of a part of the configuration, wherever it stands. */
function referredTo(configuration: unknown): string[] {
  const names = JSON.stringify(configuration).matchAll(/"secret:greenlight\/([\w.+=@-]{1,100})"/g);
  return [...new Set([...names].map(([, name]) => name!))].sort();
}
