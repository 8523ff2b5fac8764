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

// All URLs are relative to the <base> of index.html, which the server sets for each depth of
// path, so that the pages work under any prefix. Nothing is inlined: the policy of the pages
// allows neither inline scripts nor inline styles nor data: addresses.
export default defineConfig({
  base: './',
  plugins: [compress],
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
