// Starts what the end-to-end tests need: fixture servers and a browser.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const WORKSPACE = fileURLToPath(new URL('../..', import.meta.url));
const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export const SHOTS = fileURLToPath(new URL('../test-results/', import.meta.url));

/** Runs the fixture server; gives its address and how to stop it. */
export async function startFixture(...flags) {
  const cargo = ['run', '--quiet', '-p', 'appliance-http', '--example', 'console_fixture', '--', ...flags];
  const server = spawn('cargo', cargo, {
    cwd: WORKSPACE,
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true, // So that cargo and its child end together.
  });
  const lines = createInterface({ input: server.stdout });
  const [url] = await Promise.race([
    once(lines, 'line'),
    once(server, 'exit').then(() => Promise.reject(new Error('the fixture server ended'))),
  ]);
  return { url, stop: () => process.kill(-server.pid) };
}

/** A browser that talks to nobody but the page under test. */
export function startBrowser() {
  const executablePath = process.env.CHROMIUM ?? BROWSERS.find((path) => existsSync(path));
  if (!executablePath) throw new Error('no Chromium found: set CHROMIUM to its path');
  return chromium.launch({ executablePath, args: QUIET });
}
