/** Fields with their label, hint and mistake tied to them. */
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

interface FieldProps {
  label: string;
  hint?: ComponentChildren;
  /** What is wrong with what stands there; undefined: nothing, or nothing was typed yet. */
  wrong?: string | undefined;
}

interface Described {
  id: string;
  'aria-describedby'?: string;
  'aria-invalid'?: 'true';
}

function Field({ label, hint, wrong, children }: FieldProps & { children: (described: Described) => ComponentChildren }) {
  const id = useId();
  const described = [hint === undefined ? '' : `${id}-hint`, wrong === undefined ? '' : `${id}-wrong`].filter(Boolean).join(' ');
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {hint !== undefined && (
        <p class="small soft" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {children({
        id,
        ...(described ? { 'aria-describedby': described } : {}),
        ...(wrong === undefined ? {} : { 'aria-invalid': 'true' }),
      })}
      {wrong !== undefined && (
        <p class="small wrong" id={`${id}-wrong`}>
          {wrong}
        </p>
      )}
    </div>
  );
}

interface TextFieldProps extends FieldProps {
  value: string;
  onInput(value: string): void;
  /** More than one: a text of several lines. */
  lines?: number;
  type?: 'text' | 'search' | 'url' | 'datetime-local';
  list?: readonly string[];
  name?: string;
  placeholder?: string;
  required?: boolean;
}

export function TextField({ value, onInput, lines = 1, type = 'text', list, name, placeholder, required, ...field }: TextFieldProps) {
  const listId = useId();
  const shared = {
    value,
    class: 'input',
    ...(placeholder ? { placeholder } : {}),
    ...(name ? { name } : {}),
    ...(required ? { required } : {}),
  };
  return (
    <Field {...field}>
      {(described) =>
        lines > 1 ? (
          <textarea {...described} {...shared} rows={lines} onInput={(event) => onInput(event.currentTarget.value)} />
        ) : (
          <>
            <input
              {...described}
              {...shared}
              type={type}
              autoComplete="off"
              spellcheck={false}
              {...(list ? { list: listId } : {})}
              onInput={(event) => onInput(event.currentTarget.value)}
            />
            {list && (
              <datalist id={listId}>
                {list.map((each) => (
                  <option key={each} value={each} />
                ))}
              </datalist>
            )}
          </>
        )
      }
    </Field>
  );
}

interface SelectFieldProps extends FieldProps {
  value: string;
  onInput(value: string): void;
  options: readonly (readonly [value: string, label: string])[];
}

export function SelectField({ value, onInput, options, ...field }: SelectFieldProps) {
  return (
    <Field {...field}>
      {(described) => (
        <select {...described} class="input" value={value} onInput={(event) => onInput(event.currentTarget.value)}>
          {options.map(([each, label]) => (
            <option key={each} value={each}>
              {label}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

export function CheckField({ label, checked, onInput }: { label: string; checked: boolean; onInput(checked: boolean): void }) {
  const id = useId();
  return (
    <div class="check">
      <input id={id} type="checkbox" checked={checked} onInput={(event) => onInput(event.currentTarget.checked)} />
      <label for={id}>{label}</label>
    </div>
  );
}
