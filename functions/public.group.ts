/** What anybody may call: health, description, sign-in; and the answer to every path or method that is not in the route table. */
import { login } from './access/login.http.ts';
import { logout } from './access/logout.http.ts';
import { health, openapi } from './access/service.http.ts';
import { httpHandler } from './kit/http-handler.ts';
import { lazily } from './kit/lazily.ts';

const showConsole = lazily(async () => (await import('./status/console.http.ts')).showConsole);

export const handler = httpHandler('public', {
  health,
  openapi,
  docs: lazily(async () => (await import('./access/docs.http.ts')).showDocs),
  login,
  loginCallback: lazily(async () => (await import('./access/login-callback.http.ts')).loginCallback),
  logout,
  root: lazily(async () => (await import('./status/console.http.ts')).root),
  console: showConsole,
  consolePage: showConsole,
  consoleAsset: lazily(async () => (await import('./status/console.http.ts')).showConsoleAsset),
});
