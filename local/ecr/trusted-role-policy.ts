/** Policy that the repositories of a registry are created with when another account's roles promote into it. */
import type { PolicyDocument } from '../service.ts';

/** What a copying role needs of a repository; what its own policy does not allow stays denied. */
const ACTIONS = [
  'BatchCheckLayerAvailability',
  'BatchDeleteImage',
  'BatchGetImage',
  'CompleteLayerUpload',
  'DescribeImages',
  'DescribeImageScanFindings',
  'DescribeRepositories',
  'GetDownloadUrlForLayer',
  'InitiateLayerUpload',
  'ListImages',
  'PutImage',
  'UploadLayerPart',
].map((action) => `ecr:${action}`);

/** `pattern` is a role ARN with wildcards. The principal is the account, so that the role's own policy is asked too, even within one account. */
export function trustedRolePolicy(pattern: string): PolicyDocument {
  const account = pattern.split(':')[4] ?? '';
  const principal = /^\d{12}$/.test(account) ? { AWS: `arn:aws:iam::${account}:root` } : { AWS: '*' };
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'TrustedRoles',
        Effect: 'Allow',
        Principal: principal,
        Action: ACTIONS,
        Condition: { ArnLike: { 'aws:PrincipalArn': pattern } },
      },
    ],
  };
}
