/** Where a form comes from, as the browser says it. */

/**
 * Whether a write was sent by a page of our own at `origin`. Our pages carry `Referrer-Policy: no-referrer`, under which browsers hide even our
 * own origin (`Origin: null`); then `Sec-Fetch-Site` tells, which no page and no script can set. Both headers come from the client: they stop
 * foreign pages in an honest browser, and nothing else.
 */
export function isFromOwnPage(headers: Readonly<Record<string, string>>, origin: string): boolean {
  const given = headers['origin'];
  if (given === origin) return true;
  return (given === undefined || given === 'null') && headers['sec-fetch-site'] === 'same-origin';
}
