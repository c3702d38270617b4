/** Single keys that do something, as far as the reader wants them; never while something is typed or a dialog is open. */
import { useEffect } from 'preact/hooks';

const STORED = 'greenlight-keys';
/** Between the two keys of a pair such as `g` `b`. */
const PAIR_MS = 1_000;

export function keysAreOn(): boolean {
  return localStorage.getItem(STORED) !== 'off';
}

export function setKeys(on: boolean): void {
  localStorage.setItem(STORED, on ? 'on' : 'off');
}

const bound = new Map<string, () => void>();
let first = '';
let firstAt = 0;

/** `?`, `a`, or a pair such as `g b`. */
export function useKeys(keys: Readonly<Record<string, (() => void) | undefined>>): void {
  useEffect(() => {
    const mine = Object.entries(keys).filter((entry): entry is [string, () => void] => entry[1] !== undefined);
    for (const [key, act] of mine) bound.set(key, act);
    return () => {
      for (const [key, act] of mine) if (bound.get(key) === act) bound.delete(key);
    };
  });
}

export function listenForKeys(): void {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !keysAreOn() || isTyping(event.target)) return;
    if (document.querySelector('dialog[open]')) return;
    const pair = event.timeStamp - firstAt < PAIR_MS ? `${first} ${event.key}` : '';
    const act = bound.get(pair) ?? bound.get(event.key);
    [first, firstAt] = [event.key, event.timeStamp];
    if (!act) return;
    event.preventDefault();
    first = '';
    act();
  });
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}
