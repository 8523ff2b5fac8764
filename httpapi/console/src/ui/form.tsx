// Fields of forms, each with its label, a hint, and what the server said about it.
import type { ComponentChildren } from 'preact';
import { has } from '../api';
import { place, setQuery } from '../router';

interface FieldProps {
  label: string;
  hint?: ComponentChildren;
  children: ComponentChildren;
}

export function Field({ label, hint, children }: FieldProps) {
  return <label class="field"><span>{label}</span>{children}{hint && <small>{hint}</small>}</label>;
}

interface TextProps {
  label: string;
  value: string;
  set: (value: string) => void;
  hint?: ComponentChildren;
  type?: 'text' | 'password' | 'number';
  placeholder?: string;
  required?: boolean;
  mono?: boolean;
  rows?: number;
  autoFocus?: boolean;
}

export function Text({ label, value, set, hint, type = 'text', placeholder, required, mono, rows, autoFocus }: TextProps) {
  const shared = { value, placeholder, required, autoFocus, spellcheck: false, class: mono ? 'mono' : undefined };
  return (
    <Field label={label} hint={hint}>
      {rows
        ? <textarea {...shared} rows={rows} onInput={(e) => set(e.currentTarget.value)} />
        : <input {...shared} type={type as 'text'} autoComplete="off" step={type === 'number' ? 'any' : undefined} onInput={(e) => set(e.currentTarget.value)} />}
    </Field>
  );
}

interface ChoiceProps {
  label: string;
  value: string;
  set: (value: string) => void;
  options: (string | [value: string, label: string])[];
}

export function Choice({ label, value, set, options }: ChoiceProps) {
  return (
    <Field label={label}>
      <select value={value} onChange={(e) => set(e.currentTarget.value)}>
        {options.map((o) => {
          const [v, text] = typeof o === 'string' ? [o, o.replace(/_/g, ' ')] : o;
          return <option key={v} value={v}>{text}</option>;
        })}
      </select>
    </Field>
  );
}

/** Reports whether the list of the present page has a filter. */
function filters(name: string): boolean {
  const list = place().path[0] ?? '';
  return has(`get /api/${list === 'live' ? 'stream' : list}?${name}`);
}

/** A filter that stands in the page's address. Typing changes the address when the field is left, or at Enter. */
export function TextFilter({ name, label, query, placeholder }: { name: string; label: string; query: URLSearchParams; placeholder?: string }) {
  const value = query.get(name) ?? '';
  if (!filters(name)) return null;
  return (
    <Field label={label}>
      <input key={value} name={name} type="search" defaultValue={value} placeholder={placeholder} spellcheck={false} autoComplete="off"
        onChange={(e) => setQuery({ [name]: e.currentTarget.value.trim() })} />
    </Field>
  );
}

interface ChoiceFilterProps {
  name: string;
  label: string;
  query: URLSearchParams;
  options: ChoiceProps['options'];
  /** What the choice says without a value. */
  any?: string;
}

export function ChoiceFilter({ name, label, query, options, any = 'any' }: ChoiceFilterProps) {
  if (!filters(name)) return null;
  return <Choice label={label} value={query.get(name) ?? ''} set={(v) => setQuery({ [name]: v })} options={[['', any], ...options]} />;
}
