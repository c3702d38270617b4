/** Permissions on what exists outside the stacks: the registries and clusters that greenlight.yaml names, and nothing else. */

import type { Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Configuration } from '../core/environment/configuration.ts';

function repositories(stack: Stack, configuration: Configuration): string[] {
  return Object.values(configuration.registries).flatMap(({ account, region, prefix }) =>
    account === undefined
      ? []
      : [`arn:${stack.partition}:ecr:${region ?? stack.region}:${account}:repository/${prefix === '' ? '' : `${prefix}/`}*`],
  );
}

export function readRegistries(stack: Stack, configuration: Configuration): PolicyStatement[] {
  return [
    // The token action has no resource; what the token may do is decided per repository.
    new PolicyStatement({ actions: ['ecr:GetAuthorizationToken'], resources: ['*'] }),
    new PolicyStatement({
      actions: [
        'ecr:BatchCheckLayerAvailability',
        'ecr:BatchGetImage',
        'ecr:DescribeImages',
        'ecr:DescribeRepositories',
        'ecr:DescribeImageScanFindings',
        'ecr:GetDownloadUrlForLayer',
        'ecr:ListImages',
      ],
      resources: repositories(stack, configuration),
    }),
  ];
}

export function writeRegistries(stack: Stack, configuration: Configuration): PolicyStatement[] {
  return [
    new PolicyStatement({
      actions: ['ecr:CompleteLayerUpload', 'ecr:InitiateLayerUpload', 'ecr:PutImage', 'ecr:UploadLayerPart'],
      resources: repositories(stack, configuration),
    }),
  ];
}

/** For the one function that deletes: nobody else has this action. */
export function deleteFromRegistries(stack: Stack, configuration: Configuration): PolicyStatement {
  return new PolicyStatement({ actions: ['ecr:BatchDeleteImage'], resources: repositories(stack, configuration) });
}

export function readClusters(stack: Stack, configuration: Configuration): PolicyStatement[] {
  const clusters = Object.values(configuration.clusters).flatMap(({ eksName }) =>
    eksName === undefined ? [] : [stack.formatArn({ service: 'eks', resource: 'cluster', resourceName: eksName })],
  );
  return clusters.length === 0 ? [] : [new PolicyStatement({ actions: ['eks:DescribeCluster'], resources: clusters })];
}
