/** The administrator's AWS clients of a running local cloud. */

export interface AdminAccess {
  aws: string;
  region: string;
  awsAdmin: { accessKeyId: string; secretAccessKey: string };
}

/** Settings for any client of the SDK, which notes things in the credentials object that it is given. */
export function clientSettings({ aws, region, awsAdmin }: AdminAccess) {
  return { endpoint: aws, region, credentials: { ...awsAdmin }, maxAttempts: 3 };
}
