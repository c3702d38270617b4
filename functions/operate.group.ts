/** What is done to Greenlight itself rather than to a request: credentials for programs. */
import { createToken, listTokens, revokeToken } from './access/tokens.http.ts';
import { httpHandler } from './kit/http-handler.ts';

export const handler = httpHandler('operate', { createToken, listTokens, revokeToken });
