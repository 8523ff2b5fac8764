// Dark or light: as the system has it, or as chosen here.
export type Theme = 'system' | 'light' | 'dark';

const name = 'astrohook-theme';

export function theme(): Theme {
  try {
    const kept = localStorage.getItem(name);
    return kept === 'light' || kept === 'dark' ? kept : 'system';
  } catch {
    return 'system'; // storage is switched off
  }
}

export function setTheme(to: Theme): void {
  document.documentElement.dataset.theme = to;
  try {
    localStorage.setItem(name, to);
  } catch {
    // The choice holds until the page is closed.
  }
}
