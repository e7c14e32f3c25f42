// Writes or checks `dist/BUILD.json`: the SHA-256 of everything the build
// reads, so that a forgotten rebuild is noticed without building.
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const FILES = ['index.html', 'package-lock.json', 'package.json', 'tsconfig.json', 'vite.config.ts'];

function walk(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? walk(path) : [path];
  });
}

const paths = [...FILES, ...walk('src'), ...walk('public')]
  .map((path) => relative(root, join(root, path)).replaceAll('\\', '/'))
  .sort();
const hash = createHash('sha256');
for (const path of paths) {
  const bytes = readFileSync(join(root, path));
  hash.update(`${path}\0${bytes.length}\0`).update(bytes);
}
const stamp = `${JSON.stringify({ sources_sha256: hash.digest('hex') })}\n`;
const target = join(root, 'dist/BUILD.json');
if (!process.argv.includes('--check')) {
  writeFileSync(target, stamp);
} else if (readFileSync(target, 'utf8') !== stamp) {
  console.error('dist is older than its sources: run npm run build and commit dist');
  process.exit(1);
}
