/** Parts whose code is fetched by the first who needs it. */
import type { ComponentChildren, ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';

/** `instead` stands there until the part has come, and where it does not. */
export function later<Props extends object>(
  load: () => Promise<{ default: ComponentType<Props> }>,
  instead: (props: Props) => ComponentChildren,
): ComponentType<Props> {
  let loaded: ComponentType<Props> | undefined;
  return function Later(props: Props) {
    const [, setReady] = useState(loaded !== undefined);
    useEffect(() => {
      if (loaded) return;
      load().then(
        (part) => {
          loaded = part.default;
          setReady(true);
        },
        () => {},
      );
    }, []);
    const Part = loaded;
    return Part ? <Part {...props} /> : instead(props);
  };
}
