// Numbers, times and sizes in words that fit a table.

const number = new Intl.NumberFormat('en');

export const count = (n: number) => number.format(n);

/** A rate with three significant digits: 0.02, 3.1, 1,240. */
export function rate(n: number): string {
  if (n === 0) return '0';
  if (n < 0.01) return '<0.01';
  return number.format(Number(n.toPrecision(3)));
}

const units: [number, string][] = [[86_400_000, 'd'], [3_600_000, 'h'], [60_000, 'm'], [1000, 's']];

/** A length of time in ms, in its largest unit or two: 2d 4h, 3m, 12s, 54 ms. */
export function duration(ms: number): string {
  if (ms < 1) return ms === 0 ? '0 ms' : '<1 ms';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)}s`;
  for (const [i, [size, name]] of units.entries()) {
    if (ms < size) continue;
    const smaller = units[i + 1];
    const rest = smaller ? Math.floor((ms % size) / smaller[0]) : 0;
    return `${Math.floor(ms / size)}${name}` + (smaller && rest > 0 ? ` ${rest}${smaller[1]}` : '');
  }
  return '0 ms';
}

export function ago(time: string, now: number): string {
  const past = now - Date.parse(time);
  if (past < -500) return 'in ' + duration(-past);
  return past < 1000 ? 'now' : duration(past).replace(/\.\d/, '') + ' ago';
}

/** A time in UTC, as the server's logs have it: 2026-11-27 15:22:00.863. */
export const utc = (time: string) => time.replace('T', ' ').replace('Z', '');

export function bytes(n: number): string {
  if (n < 1024) return `${n} B`;
  const steps = ['KiB', 'MiB', 'GiB', 'TiB'];
  let i = -1;
  do n /= 1024; while (++i < steps.length - 1 && n >= 1024);
  return `${n < 10 ? n.toFixed(1) : Math.round(n)} ${steps[i]}`;
}

export const percent = (ratio: number) => (ratio === 1 || ratio === 0 ? `${ratio * 100} %` : `${(ratio * 100).toFixed(1)} %`);

export const plural = (n: number, one: string, many = one + 's') => `${count(n)} ${n === 1 ? one : many}`;

/** The host of a URL with as much of its path as a table has room for. */
export function shortURL(url: string): string {
  return url.replace(/^https?:\/\//, '').replace(/\/$/, '');
}
