/** Answers of ECR's own API: a repository or image that does not exist is undefined, what may pass is UNAVAILABLE, everything else REGISTRY_REFUSED. */
import { Fault, messageOf } from '../../core/errors.ts';

export async function ecrAnswer<Answer>(send: () => Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await send();
  } catch (error) {
    const { name, $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
    if (name === 'RepositoryNotFoundException' || name === 'ImageNotFoundException') return undefined;
    const status = $metadata?.httpStatusCode ?? 0;
    const refused = status >= 400 && status < 500 && status !== 429 && name !== 'ThrottlingException';
    throw new Fault(refused ? 'REGISTRY_REFUSED' : 'UNAVAILABLE', `ECR: ${messageOf(error)}`, { cause: error });
  }
}
