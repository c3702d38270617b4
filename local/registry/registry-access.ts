/** Who may do what at a registry: ECR's Basic credentials, anonymous use where configured, and the IAM action of each request. */
import type { Caller, CloudContext, IamCheck } from '../service.ts';
import { RegistryError } from './registry-error.ts';
import type { RegistryRequest } from './registry-request.ts';

export type Anonymous = 'read-write' | 'read' | 'none';

/** Checks a password of GetAuthorizationToken: its holder, or why it does not count. */
export type PasswordVerifier = (password: string) => Caller | 'expired' | 'invalid';

export interface AccessOptions {
  /** 12-digit account id that the registry belongs to. */
  account: string;
  anonymous: Anonymous;
  verifyPassword: PasswordVerifier;
}

/** Holder of the credentials; undefined is an anonymous caller. */
export type Holder = Caller | undefined;

export class RegistryAccess {
  readonly #context: CloudContext;
  readonly #options: AccessOptions;

  constructor(context: CloudContext, options: AccessOptions) {
    this.#context = context;
    this.#options = options;
  }

  arnOf(repository: string): string {
    return `arn:aws:ecr:${this.#context.region}:${this.#options.account}:repository/${repository}`;
  }

  /**
   * Reads `authorization`: Basic `AWS:<password>`, or Bearer with a password that `/token` handed out. Some clients send an empty Basic pair when they
   * have no credentials: that is anonymous. Throws UNAUTHORIZED for unknown, DENIED for expired credentials.
   */
  authenticate(request: RegistryRequest): Holder {
    const password = readPassword(request.message.headers.authorization);
    if (password === undefined) return undefined;
    const holder = this.#options.verifyPassword(password);
    if (holder === 'expired') throw new RegistryError(403, 'DENIED', 'Your authorization token has expired. Reauthenticate and try again.');
    if (holder === 'invalid') throw this.#unauthorized(request, 'Not Authorized');
    return holder;
  }

  /** Throws 401 when an anonymous caller must sign in, 403 when IAM does not allow a signed-in one. */
  async authorize(request: RegistryRequest, holder: Holder): Promise<void> {
    if (!holder) {
      if (this.#anonymousMay(request)) return;
      throw this.#unauthorized(request, 'Not Authorized');
    }
    for (const action of actionsOf(request)) {
      const resource = this.arnOf(request.repository || '*');
      if (!(await this.#context.allowed(holder, { action, resource })))
        throw new RegistryError(403, 'DENIED', denial(holder, { action, resource }));
    }
  }

  /** Whether a blob of another repository may be mounted: the caller must be able to read it there. */
  async mayReadBlob(repository: string, holder: Holder): Promise<boolean> {
    if (!holder) return this.#options.anonymous !== 'none';
    return this.#context.allowed(holder, { action: 'ecr:GetDownloadUrlForLayer', resource: this.arnOf(repository) });
  }

  #anonymousMay({ object, method }: RegistryRequest): boolean {
    const { anonymous } = this.#options;
    if (object === 'token') return anonymous !== 'none';
    if (anonymous === 'read-write') return true;
    // Clients that hold credentials learn only here that they may use them, so the entry asks for them although reading needs none.
    if (object === 'base' || anonymous === 'none') return false;
    return method === 'GET' || method === 'HEAD' ? object !== 'upload' : false;
  }

  #unauthorized(request: RegistryRequest, message: string): RegistryError {
    const basic = `Basic realm="${request.origin}/",service="ecr.amazonaws.com"`;
    // Docker without credentials gives up on Basic; a token for nobody lets it read.
    const bearer = `Bearer realm="${request.origin}/token",service="${request.message.headers.host}"`;
    const challenge = this.#options.anonymous === 'read' ? `${bearer}, ${basic}` : basic;
    return new RegistryError(401, 'UNAUTHORIZED', message, { headers: { 'www-authenticate': challenge } });
  }
}

/** What `/token` hands to a caller without credentials. */
export const ANONYMOUS_TOKEN = 'anonymous';

/** The password as sent; undefined for none, an empty one, or the anonymous token. */
export function readPassword(authorization: string | undefined): string | undefined {
  const [scheme = '', value = ''] = (authorization ?? '').split(/ +/, 2);
  if (/^bearer$/i.test(scheme)) return value === ANONYMOUS_TOKEN || value === '' ? undefined : value;
  if (!/^basic$/i.test(scheme)) return authorization ? '' : undefined;
  const decoded = Buffer.from(value, 'base64').toString('utf8');
  if (decoded === ':' || decoded === '') return undefined;
  return decoded.startsWith('AWS:') ? decoded.slice('AWS:'.length) : '';
}

/** Name for the calls log. */
export function holderName(holder: Holder): string {
  if (!holder) return 'anonymous';
  return holder.functionName ?? (holder.kind === 'admin' ? 'admin' : (holder.roleArn ?? holder.accessKeyId));
}

/** ECR's actions per registry request, from its IAM documentation for `docker push` and `docker pull`. */
function actionsOf({ operation, query }: RegistryRequest): string[] {
  switch (operation) {
    case 'GET manifest':
    case 'HEAD manifest':
    case 'GET referrers':
      return ['ecr:BatchGetImage'];
    case 'PUT manifest':
      return ['ecr:PutImage'];
    case 'DELETE manifest':
    case 'DELETE blob':
      return ['ecr:BatchDeleteImage'];
    case 'GET blob':
      return ['ecr:GetDownloadUrlForLayer'];
    case 'HEAD blob':
      return ['ecr:BatchCheckLayerAvailability'];
    case 'POST upload':
      return query.has('digest')
        ? ['ecr:InitiateLayerUpload', 'ecr:UploadLayerPart', 'ecr:CompleteLayerUpload']
        : ['ecr:InitiateLayerUpload'];
    case 'PATCH upload':
    case 'GET upload':
    case 'DELETE upload':
      return ['ecr:UploadLayerPart'];
    case 'PUT upload':
      return ['ecr:UploadLayerPart', 'ecr:CompleteLayerUpload'];
    case 'GET tags':
      return ['ecr:ListImages'];
    case 'GET catalog':
      return ['ecr:DescribeRepositories'];
    default:
      return [];
  }
}

function denial(holder: Caller, { action, resource }: IamCheck): string {
  return `User: ${holder.roleArn ?? 'administrator'} is not authorized to perform: ${action} on resource: ${resource}`;
}
