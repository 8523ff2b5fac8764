// Dialogs: the browser's own, which keep the focus inside and close with Escape.
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Problem } from '../api';
import { ProblemNote } from './parts';

interface DialogProps {
  title: string;
  close: () => void;
  wide?: boolean;
  children: ComponentChildren;
}

export function Dialog({ title, close, wide, children }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => { // at once: a key that follows belongs to the dialog
    const before = document.activeElement;
    ref.current?.showModal();
    begin(ref.current)?.focus();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog ref={ref} class={wide ? 'wide' : undefined} aria-label={title} onClose={close}
      onClick={(e) => { if (e.target === ref.current) close(); }}>
      <div class="dialog">
        <div class="panel-head"><h2>{title}</h2><button type="button" class="quiet" aria-label="Close" onClick={close}>✕</button></div>
        {children}
      </div>
    </dialog>
  );
}

/** Where the keyboard begins: in the first field, or at the button that acts, unless it destroys something. */
function begin(dialog: HTMLDialogElement | null): HTMLElement | null | undefined {
  return dialog?.querySelector<HTMLElement>('[autofocus]') ?? dialog?.querySelector<HTMLElement>('form :is(input, select, textarea)')
    ?? dialog?.querySelector<HTMLElement>('.dialog-foot button:not(.danger)[type=submit]') ?? dialog?.querySelector<HTMLElement>('.dialog-foot button');
}

interface ActionProps {
  title: string;
  /** What the button says: the verb of what it does. */
  verb: string;
  danger?: boolean;
  disabled?: boolean;
  close: () => void;
  /** Acts; the dialog closes when it succeeds, and shows the problem when it does not. */
  act: () => Promise<unknown>;
  /** Leaves the dialog open after acting, for what it then shows. */
  stay?: boolean;
  wide?: boolean;
  children?: ComponentChildren;
}

/** Asks before something is done, or gathers what it takes. */
export function Action({ title, verb, danger, disabled, close, act, stay, wide, children }: ActionProps) {
  const { run, busy, problem } = useAction();
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    if ((await run(act)) && !stay) close();
  };
  return (
    <Dialog title={title} close={close} {...(wide && { wide })}>
      <form onSubmit={(e) => void submit(e as unknown as SubmitEvent)}>
        {children}
        <ProblemNote problem={problem} />
        <div class="dialog-foot">
          <button type="button" onClick={close}>Close</button>
          <button type="submit" class={danger ? 'danger' : 'primary'} disabled={busy || disabled}>{busy ? 'Working…' : verb}</button>
        </div>
      </form>
    </Dialog>
  );
}

/** Runs one call at a time and keeps the problem of the last one. */
export function useAction() {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const run = async (act: () => Promise<unknown>): Promise<boolean> => {
    if (busy) return false;
    setBusy(true);
    setProblem(undefined);
    try {
      await act();
      return true;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setProblem(error);
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { run, busy, problem };
}
