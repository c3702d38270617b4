/**
 * The OpenID provider of the local cloud: an https issuer with a fixed list of people. One public client, code flow with PKCE and the password grant;
 * no refresh tokens, no sessions (everyone signs in each time), no dynamic registration, no encryption.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { sendJson } from '../http-body.ts';
import type { CloudContext } from '../service.ts';
import { AuthorizationCodes } from './authorization-codes.ts';
import { type AuthorizeServices, isRedirectUri, showSignIn, signIn } from './authorize.ts';
import { type IssuerPerson, People } from './people.ts';
import { sendMessagePage } from './sign-in-page.ts';
import { type SigningAlgorithm, SigningKeys } from './signing-keys.ts';
import { serveToken } from './token-endpoint.ts';
import { ACCESS_TOKEN_TYPE, claimsOf, type TokenIssuer } from './tokens.ts';

export interface IssuerOptions {
  /** PEM key and certificate of the listener. */
  tls: { key: string; cert: string };
  people: readonly IssuerPerson[];
  clientId: string;
  /** `aud` of access tokens. */
  audience: string;
  /** Origins that may receive codes, e.g. `http://127.0.0.1:4700`; asked for each request. */
  redirectOrigins(): string[];
  /** What tokens are signed with. Both keys are always published. Default RS256. */
  algorithm?: SigningAlgorithm;
}

export interface Issuer {
  /** `https://127.0.0.1:PORT`: the `iss` of the tokens. */
  origin: string;
  discoveryUrl: string;
  /** File that holds everyone's password, one line. */
  passwordFile: string;
  close(): Promise<void>;
}

interface Services extends AuthorizeServices {
  tokens: TokenIssuer;
}

export async function createIssuer(context: CloudContext, options: IssuerOptions): Promise<Issuer> {
  const { clock, folder } = context;
  const keys = await SigningKeys.open(folder);
  const people = new People(folder, options.people);
  const codes = new AuthorizationCodes(folder, clock);
  let services: Services | undefined;
  const listening = await context.listeners.listen(
    'issuer',
    (message, response) => {
      if (services) void respond(context, services, message, response);
      else sendJson(response, 503, { error: 'temporarily_unavailable' });
    },
    { tls: options.tls, now: () => clock.date() },
  );
  const issuer = listening.origin;
  const { clientId, audience, algorithm = 'RS256', redirectOrigins } = options;
  services = {
    issuer,
    clientId,
    redirectOrigins,
    people,
    codes,
    now: () => clock.now(),
    tokens: { issuer, clientId, audience, keys, clock, algorithm },
  };
  return {
    origin: issuer,
    discoveryUrl: `${issuer}/.well-known/openid-configuration`,
    passwordFile: people.passwordFile,
    close: async () => {
      listening.server.closeAllConnections();
      await new Promise<void>((resolve) => listening.server.close(() => resolve()));
    },
  };
}

async function respond(context: CloudContext, services: Services, message: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const url = new URL(message.url ?? '/', services.issuer);
    await dispatch(services, url, message, response);
  } catch (error) {
    context.log('issuer request failed', { method: message.method, path: message.url?.split('?')[0], error: String(error) });
    if (response.headersSent) response.destroy();
    else sendJson(response, 500, { error: 'server_error' });
  }
}

async function dispatch(services: Services, url: URL, message: IncomingMessage, response: ServerResponse): Promise<void> {
  switch (`${message.method} ${url.pathname}`) {
    case 'GET /.well-known/openid-configuration':
      return sendJson(response, 200, discovery(services));
    case 'GET /.well-known/jwks.json':
      return sendJson(response, 200, services.tokens.keys.jwks());
    case 'GET /authorize':
      return showSignIn(services, url.searchParams, response);
    case 'POST /authorize':
      return signIn(services, message, response);
    case 'POST /token':
      return serveToken(services, message, response);
    case 'GET /userinfo':
    case 'POST /userinfo':
      return serveUserinfo(services, message, response);
    case 'GET /logout':
      return endSession(services, url.searchParams, response);
    default:
      sendJson(response, 404, { error: 'not_found' });
  }
}

function discovery({ issuer }: Services): object {
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    userinfo_endpoint: `${issuer}/userinfo`,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    end_session_endpoint: `${issuer}/logout`,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code', 'password'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256', 'ES256'],
    scopes_supported: ['openid', 'profile', 'email'],
    token_endpoint_auth_methods_supported: ['none'],
    code_challenge_methods_supported: ['S256'],
    claims_supported: ['sub', 'iss', 'aud', 'exp', 'iat', 'auth_time', 'nonce', 'email', 'email_verified', 'name', 'groups'],
    authorization_response_iss_parameter_supported: true,
  };
}

async function serveUserinfo({ issuer, tokens, people }: Services, message: IncomingMessage, response: ServerResponse): Promise<void> {
  const token = /^Bearer +(\S+)$/i.exec(message.headers.authorization ?? '')?.[1] ?? '';
  const expected = { issuer, audience: tokens.audience, type: ACCESS_TOKEN_TYPE, now: tokens.clock.date() };
  const claims = await tokens.keys.verify(token, expected).catch(() => undefined);
  const person = people.bySubject(claims?.sub ?? '');
  if (!person) {
    response.setHeader('www-authenticate', 'Bearer error="invalid_token"');
    return sendJson(response, 401, { error: 'invalid_token' });
  }
  sendJson(response, 200, claimsOf(person));
}

/** There is no session to end: goes back where the client wants, if that is one of its origins. */
function endSession({ redirectOrigins }: Services, parameters: URLSearchParams, response: ServerResponse): void {
  const address = parameters.get('post_logout_redirect_uri');
  if (address === null) sendMessagePage(response, 200, 'Signed out', 'You are signed out.');
  else if (!isRedirectUri(address, redirectOrigins())) sendMessagePage(response, 400, 'Refused', 'This address is not one of the client.');
  else {
    const location = new URL(address);
    const state = parameters.get('state');
    if (state !== null) location.searchParams.append('state', state);
    response.writeHead(303, { location: location.href, 'content-length': '0' }).end();
  }
}
