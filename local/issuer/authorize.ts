/** Authorization endpoint: code flow with PKCE (S256) only. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { AuthorizationCodes } from './authorization-codes.ts';
import type { People } from './people.ts';
import { readForm } from './read-form.ts';
import { sendMessagePage, sendSignInPage } from './sign-in-page.ts';

export interface AuthorizeServices {
  issuer: string;
  clientId: string;
  redirectOrigins(): string[];
  people: People;
  codes: AuthorizationCodes;
  now(): number;
}

interface AuthorizationRequest {
  redirectUri: URL;
  scope: string;
  state: string | undefined;
  nonce: string | undefined;
  codeChallenge: string;
}

/** Members of the request that the form carries from the page to the sign-in. */
const CARRIED = ['client_id', 'redirect_uri', 'response_type', 'scope', 'state', 'nonce', 'code_challenge', 'code_challenge_method'];

/** GET shows the sign-in page; nothing is decided by it. */
export function showSignIn(services: AuthorizeServices, parameters: URLSearchParams, response: ServerResponse): void {
  const request = check(services, parameters, response);
  if (!request) return;
  if (parameters.get('prompt') === 'none') redirect(services, request.redirectUri, request.state, { error: 'login_required' }, response);
  else showPage(services, parameters, request, response, 200);
}

/**
 * A page of another origin has no business posting our form. Our page sends no referrer, and then browsers say `Origin: null` even to ourselves;
 * `Sec-Fetch-Site`, which no page can set, tells. Both headers are attacker-controlled outside of browsers, where there is nothing to protect.
 */
function isOwnForm({ origin, 'sec-fetch-site': site }: IncomingHttpHeaders, issuer: string): boolean {
  return origin === undefined || origin === issuer || (origin === 'null' && site === 'same-origin');
}

/** POST signs in: redirects with a code, or shows the page again. */
export async function signIn(services: AuthorizeServices, message: IncomingMessage, response: ServerResponse): Promise<void> {
  if (!isOwnForm(message.headers, services.issuer)) {
    return sendMessagePage(response, 403, 'Refused', 'This form belongs to another origin.');
  }
  const form = await readForm(message);
  if (!form) return sendMessagePage(response, 400, 'Refused', 'The form cannot be read.');
  const request = check(services, form, response);
  if (!request) return;
  const person = services.people.bySubject(form.get('subject') ?? '');
  if (!person || !services.people.isPassword(form.get('password') ?? '')) {
    return showPage(services, form, request, response, 401, person ? 'The password is not right.' : 'Choose who you are.');
  }
  const code = services.codes.issue({
    subject: person.subject,
    redirectUri: request.redirectUri.href,
    scope: request.scope,
    codeChallenge: request.codeChallenge,
    ...(request.nonce !== undefined && { nonce: request.nonce }),
    authTime: Math.floor(services.now() / 1000),
  });
  redirect(services, request.redirectUri, request.state, { code }, response);
}

/** True when the address may receive codes: its origin is one of the client's, and it hides nothing. */
export function isRedirectUri(address: string, origins: readonly string[]): boolean {
  if (!URL.canParse(address)) return false;
  const url = new URL(address);
  const plain = url.username === '' && url.password === '' && !address.includes('#') && !address.includes('\\');
  return plain && (url.protocol === 'http:' || url.protocol === 'https:') && origins.includes(url.origin);
}

/** The checked request; undefined when it was answered: by a page as long as the redirect address is not known to be the client's, else by redirect. */
function check(services: AuthorizeServices, parameters: URLSearchParams, response: ServerResponse): AuthorizationRequest | undefined {
  const repeated = CARRIED.some((name) => parameters.getAll(name).length > 1);
  const address = parameters.get('redirect_uri') ?? '';
  if (repeated || parameters.get('client_id') !== services.clientId || !isRedirectUri(address, services.redirectOrigins())) {
    sendMessagePage(
      response,
      400,
      'Refused',
      repeated ? 'A parameter is repeated.' : 'client_id or redirect_uri is not one that this issuer knows.',
    );
    return undefined;
  }
  const redirectUri = new URL(address);
  const state = parameters.get('state') ?? undefined;
  const refuse = (error: string, description: string) =>
    redirect(services, redirectUri, state, { error, error_description: description }, response);
  const codeChallenge = parameters.get('code_challenge') ?? '';
  const scope = parameters.get('scope') ?? '';
  if (parameters.get('response_type') !== 'code') refuse('unsupported_response_type', 'only response_type=code is supported');
  else if (!scope.split(' ').includes('openid')) refuse('invalid_scope', 'the scope must contain openid');
  else if (parameters.get('code_challenge_method') !== 'S256' || !/^[A-Za-z0-9_-]{43}$/.test(codeChallenge)) {
    refuse('invalid_request', 'PKCE with code_challenge_method=S256 is required');
  } else return { redirectUri, scope, state, nonce: parameters.get('nonce') ?? undefined, codeChallenge };
  return undefined;
}

function showPage(
  services: AuthorizeServices,
  parameters: URLSearchParams,
  request: AuthorizationRequest,
  response: ServerResponse,
  status: number,
  error?: string,
): void {
  const carried = Object.fromEntries([...parameters].filter(([name]) => CARRIED.includes(name)));
  const { people } = services;
  const page = { people: people.all(), parameters: carried, passwordFile: people.passwordFile, ...(error && { error }) };
  sendSignInPage(response, status, page, request.redirectUri.origin);
}

function redirect(
  { issuer }: AuthorizeServices,
  to: URL,
  state: string | undefined,
  answer: Record<string, string>,
  response: ServerResponse,
): void {
  const location = new URL(to);
  // `iss` lets the client tell issuers apart (RFC 9207).
  for (const [name, value] of Object.entries({ ...answer, ...(state !== undefined && { state }), iss: issuer })) {
    location.searchParams.append(name, value);
  }
  response
    .writeHead(303, { location: location.href, 'cache-control': 'no-store', 'referrer-policy': 'no-referrer', 'content-length': '0' })
    .end();
}
