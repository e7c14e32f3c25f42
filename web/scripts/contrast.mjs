// Recomputes contrast and color-blind distance from `src/css/tokens.css`.
//
// Fails below 4.5 for text, 3.0 for marks and edges (WCAG 2.2), and below
// 0.09 OKLab distance between any two marks for normal, protan, deutan and
// tritan vision (Machado et al. 2009, severity 1.0).
import { readFileSync } from 'node:fs';

const css = readFileSync(new URL('../src/css/tokens.css', import.meta.url), 'utf8');

function theme(name) {
  const block = new RegExp(`:root\\[data-theme="${name}"\\] \\{([^}]*)\\}`).exec(css);
  if (!block) throw new Error(`tokens.css has no theme ${name}`);
  return Object.fromEntries(
    [...block[1].matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, key, hex]) => [key, linear(hex)]),
  );
}

function linear(hex) {
  return [1, 3, 5].map((at) => {
    const value = parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
}

const luminance = ([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b;

function contrast(a, b) {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

const apply = (matrix, color) =>
  matrix.map((row) => row.reduce((sum, factor, index) => sum + factor * color[index], 0));

const VISIONS = {
  normal: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protan: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deutan: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  tritan: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};

function oklab(color) {
  const cones = apply(
    [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566], [0.0883024619, 0.2817188376, 0.6299787005]],
    color.map((value) => Math.min(1, Math.max(0, value))),
  ).map(Math.cbrt);
  return apply(
    [[0.2104542553, 0.793617785, -0.0040720468], [1.9779984951, -2.428592205, 0.4505937099], [0.0259040371, 0.7827717662, -0.8086757660]],
    cones,
  );
}

const SURFACES = ['bg', 's1', 's2'];
const TEXT = ['text', 'text-2', 'text-3', 'accent'].flatMap((text) => SURFACES.map((on) => [text, on]));
const PAIRS = [
  ['tint-crit-text', 'tint-crit'], ['tint-warn-text', 'tint-warn'], ['tint-info-text', 'tint-info'],
  ['tint-warn-text', 'bg'], ['tint-warn-text', 's1'], ['tint-crit-text', 'bg'],
  ['add-text', 'add'], ['del-text', 'del'], ['crit-ink', 'crit'], ['warn-ink', 'warn'],
  ['info-ink', 'info'], ['calm-ink', 'calm'], ['text', 'tint-info'], ['bg', 'text'],
  ['text-3', 'tint-info'],
];
const EDGES = [['line-strong', 'bg'], ['line-strong', 's1'], ['focus', 'bg'], ['focus', 's1'], ['focus', 's2']];
// In the light theme severity is a filled badge whose ink is checked above.
const MARKS = { dark: ['crit', 'warn', 'info'], contrast: ['crit', 'warn', 'info'], light: ['crit', 'info'] };

const failures = [];
let checks = 0;
function check(least, value, what) {
  checks += 1;
  if (value < least) failures.push(`${what}: ${value.toFixed(3)} is below ${least}`);
}

for (const name of ['light', 'dark', 'contrast']) {
  const colors = theme(name);
  const pair = (least, [a, b]) => check(least, contrast(colors[a], colors[b]), `${name} ${a} on ${b}`);
  for (const both of [...TEXT, ...PAIRS]) pair(4.5, both);
  for (const both of EDGES) pair(3, both);
  for (const mark of MARKS[name]) pair(3, [mark, 'bg']);
  const marks = ['crit', 'warn', 'info', 'calm'];
  for (const [vision, matrix] of Object.entries(VISIONS)) {
    marks.forEach((a, index) => {
      for (const b of marks.slice(index + 1)) {
        const [x, y] = [a, b].map((mark) => oklab(apply(matrix, colors[mark])));
        const distance = Math.hypot(...x.map((value, axis) => value - y[axis]));
        check(0.09, distance, `${name} ${a} and ${b}, ${vision}`);
      }
    });
  }
}
for (const failure of failures) console.error(failure);
console.log(`contrast: ${checks - failures.length} of ${checks} hold`);
process.exit(failures.length > 0 ? 1 : 0);
