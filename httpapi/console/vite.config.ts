import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

// compress writes NAME.gz and NAME.br beside each asset: the server sends what a browser takes, and
// compresses nothing itself.
const compress: Plugin = {
  name: 'compress',
  apply: 'build',
  closeBundle() {
    const folder = join(import.meta.dirname, 'dist/app/assets');
    for (const name of readdirSync(folder).filter((n) => /\.(js|css|svg)$/.test(n))) {
      const content = readFileSync(join(folder, name));
      writeFileSync(join(folder, name + '.gz'), gzipSync(content, { level: 9 }));
      writeFileSync(join(folder, name + '.br'), brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: content.length } }));
    }
  },
};

// routes are the API's, such as "get /api/jobs", and their parameters, such as "get /api/jobs?status".
// What a page shows is there if the API has it.
function routes(): string[] {
  const lines = readFileSync(join(import.meta.dirname, '../openapi.yaml'), 'utf8').split('\n');
  const shared = new Map<string, string>(); // names of parameters by their names under components
  lines.forEach((line, i) => {
    const name = /^      name: (\S+)$/.exec(line)?.[1];
    const key = /^    (\w+):$/.exec(lines[i - 1] ?? '')?.[1];
    if (name && key) shared.set(key, name);
  });
  const out: string[] = [];
  let path = '';
  let route = '';
  let ofPath: string[] = []; // parameters of every method of the path
  for (const line of lines) {
    const begun = /^  (\/\S*):$/.exec(line)?.[1];
    if (begun || /^\S/.test(line)) [path, route, ofPath] = [begun ?? '', '', []];
    const method = /^    (get|post|put|patch|delete):$/.exec(line)?.[1];
    if (path && method) {
      route = `${method} ${path}`;
      out.push(route, ...ofPath.map((name) => `${route}?${name}`));
    }
    const parameter = /^ +- \{?name: ([\w-]+)/.exec(line)?.[1] ?? shared.get(/parameters\/(\w+)"/.exec(line)?.[1] ?? '');
    if (path && parameter) {
      if (route) out.push(`${route}?${parameter}`);
      else ofPath.push(parameter);
    }
  }
  return out;
}

// All URLs are relative to the <base> of index.html, which the server sets for each depth of
// path, so that the pages work under any prefix. Nothing is inlined: the policy of the pages
// allows neither inline scripts nor inline styles nor data: addresses.
export default defineConfig({
  base: './',
  plugins: [compress],
  define: { API_ROUTES: JSON.stringify(routes()) },
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact', legalComments: 'none' },
  build: {
    target: 'es2022',
    outDir: 'dist/app',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 400,
  },
  server: { proxy: { '/api': process.env.ASTROHOOK_SERVER ?? 'http://127.0.0.1:8080' } },
});
