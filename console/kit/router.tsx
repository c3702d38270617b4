/** Addresses: every view has one, and following it changes nothing but the view. */
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';

export const BASE = '/console';

export interface Place {
  /** Decoded parts behind `/console`. */
  parts: readonly string[];
  query: URLSearchParams;
}

const CHANGED = 'greenlight:place';

function placeNow(): Place {
  const { pathname, search } = location;
  const parts = pathname.slice(BASE.length).split('/').filter(Boolean).map(decoded);
  return { parts, query: new URLSearchParams(search) };
}

/** A malformed escape is a name that nothing has. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function usePlace(): Place {
  const [place, setPlace] = useState(placeNow);
  useEffect(() => {
    const update = () => setPlace(placeNow());
    addEventListener('popstate', update);
    addEventListener(CHANGED, update);
    return () => {
      removeEventListener('popstate', update);
      removeEventListener(CHANGED, update);
    };
  }, []);
  return place;
}

/** Address of a view; members without a value are left out. */
export function pathTo(parts: readonly string[], query: Readonly<Record<string, string | undefined>> = {}): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== '');
  const search = given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
  return `${[BASE, ...parts.map(encodeURIComponent)].join('/')}${search}`;
}

export const pathOfRequest = (environment: string, id: string): string => pathTo(['requests', environment, id]);

export function goTo(path: string, { replace = false } = {}): void {
  if (replace) history.replaceState(null, '', path);
  else history.pushState(null, '', path);
  dispatchEvent(new Event(CHANGED));
  if (!replace) scrollTo(0, 0);
}

interface LinkProps {
  to: string;
  class?: string;
  'aria-current'?: 'page' | 'true' | undefined;
  /** A stop of the keys for lists. */
  'data-item'?: boolean;
  children: ComponentChildren;
}

/** A link within the console; with a modifier key it is what links are everywhere. */
export function Link({ to, children, ...rest }: LinkProps) {
  const follow = (event: MouseEvent) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.button !== 0) return;
    event.preventDefault();
    goTo(to);
  };
  return (
    <a href={to} onClick={follow} {...rest}>
      {children}
    </a>
  );
}
