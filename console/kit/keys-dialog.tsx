import { useState } from 'preact/hooks';
import { Dialog } from './dialog.tsx';
import { CheckField } from './field.tsx';
import { keysAreOn, setKeys } from './keys.ts';

const KEYS: readonly (readonly [keys: string, does: string])[] = [
  ['?', 'this list'],
  ['g b', 'the board'],
  ['g r', 'requests'],
  ['g i', 'the inbox'],
  ['g e', 'the first environment'],
  ['g s', 'insights'],
  ['n', 'a new request'],
  ['/', 'search on this page'],
  ['j  k', 'next and previous in a list; Enter opens'],
  ['a', 'approve the request that is open'],
  ['x', 'reject it'],
  ['Esc', 'close a dialog'],
];

/** The keys, and the switch for whoever speaks to the computer or hits keys by accident. */
export function KeysDialog({ onClose }: { onClose(): void }) {
  const [isOn, setOn] = useState(keysAreOn());
  const change = (on: boolean) => {
    setKeys(on);
    setOn(on);
  };
  return (
    <Dialog title="Keys" onClose={onClose}>
      <dl class="facts">
        {KEYS.map(([keys, does]) => (
          <>
            <dt key={keys}>
              {keys.split(/ +/).map((key) => (
                <>
                  <kbd key={key}>{key}</kbd>{' '}
                </>
              ))}
            </dt>
            <dd>{does}</dd>
          </>
        ))}
      </dl>
      <CheckField label="Single keys do something" checked={isOn} onInput={change} />
    </Dialog>
  );
}
