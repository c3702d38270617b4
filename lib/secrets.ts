import { RemovalPolicy } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { Configuration } from '../core/environment/configuration.ts';

export interface SecretsProps {
  /** greenlight.yaml as it is deployed: whatever it refers to as `secret:greenlight/…` exists, and may be read. */
  configuration: Configuration;
}

/** Secrets that the configuration refers to as `secret:greenlight/…`. Their values are put after the deployment, never in a template. */
export class Secrets extends Construct {
  private readonly secrets: Secret[];

  constructor(scope: Construct, id: string, props: SecretsProps) {
    super(scope, id);
    const secret = (name: string, description: string) =>
      new Secret(this, name, { secretName: `greenlight/${name}`, description, removalPolicy: RemovalPolicy.RETAIN });
    this.secrets = [
      secret('slack-webhook', 'URL of the Slack incoming webhook'),
      secret('smoke-test-token', 'Bearer token of the smoke checks'),
      secret('gate-hmac', 'Key of signed gate callbacks'),
    ];
    const own = new Set(['slack-webhook', 'smoke-test-token', 'gate-hmac']);
    for (const name of referredTo(props.configuration).filter((name) => !own.has(name))) {
      this.secrets.push(secret(name, 'A secret that greenlight.yaml refers to'));
    }
  }

  read(): PolicyStatement {
    return new PolicyStatement({ actions: ['secretsmanager:GetSecretValue'], resources: this.secrets.map((secret) => secret.secretArn) });
  }
}

/** Names behind every `secret:greenlight/<name>` of the configuration, wherever it stands. */
function referredTo(configuration: Configuration): string[] {
  const names = JSON.stringify(configuration).matchAll(/"secret:greenlight\/([\w.+=@-]{1,100})"/g);
  return [...new Set([...names].map(([, name]) => name!))].sort();
}
