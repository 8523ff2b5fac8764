// Lists as tables: rows that open, a selection, and columns that give way on narrow screens.
import type { ComponentChildren } from 'preact';
import type { Listing } from '../data';
import { Loading, ProblemNote } from './parts';

export interface Column<T> {
  name: string;
  /** From which width on it is shown: always, from 640 px, or from 1,000 px. */
  from?: 'mid' | 'wide';
  right?: boolean;
  show: (row: T) => ComponentChildren;
}

export interface Selection {
  ids: ReadonlySet<string>;
  set: (ids: ReadonlySet<string>) => void;
}

interface Props<T> {
  label: string;
  list: Listing<T>;
  columns: Column<T>[];
  id: (row: T) => string;
  /** The path of the page that a row opens; its first column is the link. */
  open?: (row: T) => string;
  selection?: Selection | undefined;
  empty: ComponentChildren;
}

export function Table<T>({ label, list, columns, id, open, selection, empty }: Props<T>) {
  const { rows, problem, more, busy } = list;
  if (!rows) return problem ? <ProblemNote problem={problem} retry={list.reload} /> : <Loading />;
  if (rows.length === 0 && !more) return <><ProblemNote problem={problem} />{empty}</>;
  const all = selection && rows.length > 0 && rows.every((row) => selection.ids.has(id(row)));
  return (
    <>
      <ProblemNote problem={problem} retry={list.reload} />
      <div class="table">
        <table aria-label={label}>
          <thead>
            <tr>
              {selection && (
                <th class="box"><input type="checkbox" aria-label="Select all" checked={all} onChange={() => selection.set(new Set(all ? [] : rows.map(id)))} /></th>
              )}
              {columns.map((c) => <th key={c.name} scope="col" class={classes(c)}>{c.name}</th>)}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => <Row key={id(row)} {...{ row, columns, id, open, selection }} />)}
          </tbody>
        </table>
      </div>
      {more && <p class="more"><button type="button" data-more onClick={more} disabled={busy}>{busy ? 'Loading…' : rows.length === 0 ? 'Look further' : 'Show more'}</button></p>}
    </>
  );
}

function Row<T>({ row, columns, id, open, selection }: { row: T; columns: Column<T>[]; id: (row: T) => string; open: ((row: T) => string) | undefined; selection: Selection | undefined }) {
  const own = id(row);
  const toggle = () => {
    if (!selection) return;
    const ids = new Set(selection.ids);
    if (!ids.delete(own)) ids.add(own);
    selection.set(ids);
  };
  return (
    <tr data-row={own} class={selection?.ids.has(own) ? 'selected' : undefined}>
      {selection && <td class="box"><input type="checkbox" aria-label={`Select ${own}`} checked={selection.ids.has(own)} onChange={toggle} /></td>}
      {columns.map((c, i) => (
        <td key={c.name} class={classes(c)}>
          {i === 0 && open ? <a href={open(row)} data-open>{c.show(row)}</a> : c.show(row)}
        </td>
      ))}
    </tr>
  );
}

const classes = <T,>(c: Column<T>) => [c.from && 'from-' + c.from, c.right && 'right'].filter(Boolean).join(' ') || undefined;
