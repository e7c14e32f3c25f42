// Holds the built files within their budget, gzipped.
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const BUDGET = { 'app.js': 120_000, 'app.css': 14_000, 'icon.svg': 10_000 };
let over = false;
for (const [name, most] of Object.entries(BUDGET)) {
  const bytes = readFileSync(new URL(`../dist/${name}`, import.meta.url));
  const size = gzipSync(bytes, { level: 9 }).length;
  over ||= size > most;
  console.log(`${name}: ${size} of ${most} bytes gzipped${size > most ? ', over budget' : ''}`);
}
process.exit(over ? 1 : 0);
