/** The description of a cluster as DescribeCluster answers it. */
import { CLUSTER_VERSION } from '../kubernetes/api/discovery.ts';
import type { Cluster } from '../kubernetes/cluster.ts';
import type { CloudContext } from '../service.ts';

export interface ClusterState {
  name: string;
  arn: string;
  cluster: Cluster;
}

/** `certificate` is the PEM of the authority that clients pin. The cluster has no VPC and no IAM role of its own. */
export function describeCluster(context: CloudContext, { name, arn, cluster }: ClusterState, certificate: string): Record<string, unknown> {
  return {
    name,
    arn,
    // Seconds; a cluster is as old as its account here.
    createdAt: Date.UTC(2026, 0, 1) / 1_000,
    version: CLUSTER_VERSION,
    endpoint: cluster.origin,
    roleArn: `arn:aws:iam::${context.account}:role/${name}`,
    resourcesVpcConfig: {
      subnetIds: [],
      securityGroupIds: [],
      endpointPublicAccess: true,
      endpointPrivateAccess: false,
      publicAccessCidrs: ['127.0.0.1/32'],
    },
    kubernetesNetworkConfig: { serviceIpv4Cidr: '10.96.0.0/16', ipFamily: 'ipv4' },
    logging: { clusterLogging: [{ types: ['api', 'audit', 'authenticator', 'controllerManager', 'scheduler'], enabled: false }] },
    identity: { oidc: { issuer: `https://oidc.eks.${context.region}.amazonaws.com/id/${name}` } },
    status: 'ACTIVE',
    certificateAuthority: { data: Buffer.from(certificate).toString('base64') },
    platformVersion: 'eks.1',
    tags: {},
    health: { issues: [] },
    accessConfig: { authenticationMode: 'API' },
    deletionProtection: false,
  };
}
