// A request as a command line that sends it again.

export interface Sent {
  method: string;
  url: string;
  headers: string[][];
  body_base64?: string;
}

/** Returns the text that base64 stands for; bytes that are not UTF-8 become U+FFFD. */
export function decode(base64: string): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)));
}

// In single quotes a shell changes nothing; a quote itself stands outside of them.
const quote = (text: string) => "'" + text.replaceAll("'", `'\\''`) + "'";

// curl writes these itself.
const own = /^(host|content-length|connection)$/i;

/** Returns the request for a POSIX shell. Masked values stay masked, so a receiver that asks for one of the webhook's own headers refuses it. */
export function curl(sent: Sent): string {
  const parts = [`curl -sS -i -X ${sent.method} ${quote(sent.url)}`];
  for (const [name = '', value = ''] of sent.headers) {
    // A header with an empty value is written with a semicolon: curl leaves out "Name:".
    if (!own.test(name)) parts.push('-H ' + quote(value === '' ? name + ';' : `${name}: ${value}`));
  }
  if (sent.body_base64 !== undefined) parts.push('--data-binary ' + quote(decode(sent.body_base64)));
  return parts.join(' \\\n  ');
}
