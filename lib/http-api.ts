import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { CfnApi, CfnIntegration, CfnRoute, CfnStage } from 'aws-cdk-lib/aws-apigatewayv2';
import { CfnPermission } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { type FunctionGroup as GroupName, ROUTES } from '../functions/routes.ts';
import type { FunctionGroup } from './function-group.ts';

/** Access log without query strings: a mailed link carries its token there. */
const ACCESS_LOG = {
  requestId: '$context.requestId',
  routeKey: '$context.routeKey',
  status: '$context.status',
  responseLength: '$context.responseLength',
  latency: '$context.integrationLatency',
  error: '$context.integrationErrorMessage',
};

/** The HTTP API: one explicit route per row of the route table to its group, everything else to the public group. */
export class HttpApi extends Construct {
  readonly api: CfnApi;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.api = new CfnApi(this, 'Api', { name: 'greenlight', protocolType: 'HTTP' });
    const logs = new LogGroup(this, 'AccessLogs', { retention: RetentionDays.ONE_YEAR, removalPolicy: RemovalPolicy.RETAIN });
    new CfnStage(this, 'Stage', {
      apiId: this.api.ref,
      stageName: '$default',
      autoDeploy: true,
      accessLogSettings: { destinationArn: logs.logGroupArn, format: JSON.stringify(ACCESS_LOG) },
      defaultRouteSettings: { throttlingBurstLimit: 500, throttlingRateLimit: 500 },
    });
  }

  /** `https://<id>.execute-api.<region>.amazonaws.com`; the local cloud answers its own. */
  get origin(): string {
    return this.api.attrApiEndpoint;
  }

  /** Connects every route to its group's function. */
  route(groups: Readonly<Record<GroupName, FunctionGroup>>): void {
    const targets = new Map<GroupName, string>();
    for (const [name, group] of Object.entries(groups) as [GroupName, FunctionGroup][]) {
      const integration = new CfnIntegration(this, `${name}Integration`, {
        apiId: this.api.ref,
        integrationType: 'AWS_PROXY',
        integrationUri: group.lambda.functionArn,
        payloadFormatVersion: '2.0',
        timeoutInMillis: 30_000,
      });
      targets.set(name, `integrations/${integration.ref}`);
      const { partition, region, account } = Stack.of(this);
      new CfnPermission(this, `${name}Permission`, {
        action: 'lambda:InvokeFunction',
        functionName: group.lambda.functionArn,
        principal: 'apigateway.amazonaws.com',
        sourceArn: `arn:${partition}:execute-api:${region}:${account}:${this.api.ref}/*/*`,
      });
    }
    for (const route of ROUTES) {
      new CfnRoute(this, route.operation, {
        apiId: this.api.ref,
        routeKey: `${route.method} ${route.path}`,
        target: targets.get(route.group)!,
        authorizationType: 'NONE',
      });
    }
    // Unknown routes and methods: 404 and 405 as problems, by the public group.
    new CfnRoute(this, 'Default', { apiId: this.api.ref, routeKey: '$default', target: targets.get('public')!, authorizationType: 'NONE' });
  }
}
