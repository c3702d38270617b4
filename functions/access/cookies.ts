/** Cookies of sign-in, as they are set. */

/** Over TLS they carry the `__Host-` prefix: no subdomain and no path can plant them. Browsers refuse it over plain http. */
export const LOGIN_COOKIE = 'login';
export const SESSION_COOKIE = 'session';

/** Name of a cookie for an API at `origin`. */
export function cookieName(origin: string, name: string): string {
  return origin.startsWith('https:') ? `__Host-${name}` : name;
}

/**
 * Set-Cookie value; 0 seconds deletes it. `Lax`, because the way back from the issuer is a navigation from another site; writes are guarded by
 * their origin instead.
 */
export function cookie(origin: string, name: string, value: string, seconds: number): string {
  const secure = origin.startsWith('https:') ? '; Secure' : '';
  return `${cookieName(origin, name)}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Lax${secure}`;
}
