// The console in a real browser, against the fixture server or, with
// ANCHORITE_URL, against a running appliance that holds an incident.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { AxeBuilder } from '@axe-core/playwright';
import { SHOTS, startBrowser, startFixture } from './browser.mjs';

const GIVEN = process.env.ANCHORITE_URL?.replace(/\/$/, '');
const fixtureOnly = { skip: GIVEN ? 'needs the fixture server' : false };
const SIZES = { wide: [1440, 900], laptop: [1366, 768], phone: [390, 844], narrow: [400, 800] };

let browser;
let site;
let url;

before(async () => {
  mkdirSync(SHOTS, { recursive: true });
  browser = await startBrowser();
  site = GIVEN ? null : await startFixture();
  url = GIVEN ?? site.url;
});

after(async () => {
  await browser?.close();
  site?.stop();
});

/** Opens an address; `run` gets the page. Fails on any violation or error. */
async function visit(hash, run, { size = 'wide', scheme = 'dark', base = url, theme, refused = [] } = {}) {
  const [width, height] = SIZES[size];
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme });
  const page = await context.newPage();
  const faults = [];
  const outside = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => {
    if (/content security policy|trusted/i.test(message.text())) faults.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(base)) outside.push(request.url());
  });
  await page.addInitScript((chosen) => {
    window.violations = [];
    document.addEventListener('securitypolicyviolation', (event) =>
      window.violations.push(`${event.violatedDirective} ${event.blockedURI}`),
    );
    if (chosen) localStorage.setItem('anchorite.theme', chosen);
  }, theme ?? '');
  try {
    await page.goto(`${base}/${hash}`);
    await run(page);
    faults.push(...(await page.evaluate(() => window.violations)));
    const unexpected = faults.filter((fault) => !refused.some((pattern) => pattern.test(fault)));
    assert.deepEqual(unexpected, [], 'no violations and no errors');
    for (const pattern of refused) assert.ok(faults.some((fault) => pattern.test(fault)), `${pattern}`);
    assert.deepEqual(outside, [], 'nothing is fetched from elsewhere');
  } finally {
    await context.close();
  }
}

async function loaded(page) {
  await page.locator('.incident-row, .empty, .verdict').first().waitFor();
  await page.locator('.fact', { hasText: 'live' }).waitFor();
}

async function accessible(page) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  assert.deepEqual(
    grave.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' | ')}`),
    [],
  );
}

async function fits(page) {
  const over = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  assert.ok(over <= 0, `the page is ${over} px too wide`);
}

const shoot = (page, name) => page.screenshot({ path: `${SHOTS}${name}.png` });

/** The address of an incident that has an analysis. */
async function analyzed() {
  if (!GIVEN) return '#/incidents/INC-204';
  const response = await fetch(`${url}/api/v1/incidents?state=all`);
  const { incidents } = await response.json();
  const ready = incidents.find((row) => row.phase === 'done');
  assert.ok(ready, 'the appliance holds an analyzed incident');
  return `#/incidents/${ready.id}`;
}

for (const [size, scheme] of [['wide', 'dark'], ['wide', 'light'], ['phone', 'dark'], ['phone', 'light'], ['narrow', 'dark']]) {
  test(`both screens are whole and accessible, ${size} ${scheme}`, async () => {
    for (const [name, hash] of [['list', '#/?state=all'], ['incident', await analyzed()]]) {
      await visit(
        hash,
        async (page) => {
          await loaded(page);
          await fits(page);
          await accessible(page);
          await shoot(page, `${name}-${size}-${scheme}`);
        },
        { size, scheme },
      );
    }
  });
}

test('the high-contrast theme is accessible', async () => {
  await visit(
    await analyzed(),
    async (page) => {
      await loaded(page);
      assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'contrast');
      await accessible(page);
      await shoot(page, 'incident-contrast');
    },
    { theme: 'contrast' },
  );
});

test('a theme is chosen and kept', async () => {
  await visit('#/', async (page) => {
    await loaded(page);
    const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
    assert.equal(await theme(), 'dark');
    await page.getByLabel('Theme').selectOption('light');
    assert.equal(await theme(), 'light');
    await page.reload();
    await loaded(page);
    assert.equal(await theme(), 'light');
  });
});

test('the list and one incident are reached and left by keyboard', async () => {
  await visit('#/?state=all', async (page) => {
    await loaded(page);
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('k');
    const first = await page.locator('[data-row]').first().getAttribute('href');
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute('href')), first);
    await page.keyboard.press('Enter');
    await page.locator('h1', { hasText: /\S/ }).waitFor();
    assert.ok(page.url().endsWith(first));
    await page.keyboard.press('Escape');
    await page.locator('.rows').waitFor();
    await page.waitForFunction((href) => document.activeElement.getAttribute('href') === href, first);
    await page.keyboard.press('?');
    await page.getByRole('dialog').waitFor();
    await accessible(page);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    await page.keyboard.press('/');
    await page.keyboard.type('j?.');
    assert.equal(await page.locator('#search').inputValue(), 'j?.');
  });
});

test('times switch between UTC and local', async () => {
  await visit('#/?state=all', async (page) => {
    await loaded(page);
    const first = page.locator('.row-since time').first();
    assert.match(await first.innerText(), /Z$/);
    await page.keyboard.press('t');
    await page.waitForFunction(() => !document.querySelector('.row-since time').innerText.endsWith('Z'));
  });
});

test('a citation leads to its evidence and back', async () => {
  await visit(await analyzed(), async (page) => {
    await loaded(page);
    const citation = page.locator('button[data-citation]').first();
    const label = await citation.innerText();
    await citation.click();
    const item = page.locator(`#${label.split(':')[0]}.focused`);
    await item.locator('.item-body').waitFor();
    await item.scrollIntoViewIfNeeded();
    assert.ok(page.url().endsWith(`/${label}`));
    await page.getByRole('button', { name: 'back to the text' }).click();
    assert.equal(await page.evaluate(() => document.activeElement.innerText), label);
    await page.keyboard.press(']');
    await page.locator('.item.focused .item-body').waitFor();
  });
});

test('an unknown incident says what to do', async () => {
  await visit('#/incidents/INC-none', async (page) => {
    await page.getByRole('alert').waitFor();
    await page.locator('.advice', { hasText: 'incident list' }).waitFor();
    await accessible(page);
    await shoot(page, 'problem');
  });
});

test('the browser itself refuses to make HTML of strings and to run inline code', async () => {
  await visit(
    '#/',
    async (page) => {
      await loaded(page);
      const refusals = await page.evaluate(() => {
        const element = document.createElement('div');
        const attempts = [
          () => (element.innerHTML = '<b>x</b>'),
          () => element.setAttribute('onclick', 'window.ran = true'),
          () => document.write('x'),
        ];
        return attempts.map((attempt) => {
          try {
            attempt();
            return 'allowed';
          } catch (error) {
            return error.name;
          }
        });
      });
      assert.deepEqual(refusals, ['TypeError', 'TypeError', 'TypeError']);
    },
    { refused: [/trusted/i] },
  );
});

test('cited lines are shown and lit', fixtureOnly, async () => {
  for (const size of ['laptop', 'phone']) {
    await visit(
      '#/incidents/INC-204/E4:L13-L16',
      async (page) => {
        await page.locator('#E4 .line.cited').first().waitFor();
        assert.equal(await page.locator('#E4 .line.cited').count(), 4);
        await page.waitForFunction(() => {
          const box = document.querySelector('#E4 .lines').getBoundingClientRect();
          const line = document.querySelector('#E4 .line.cited').getBoundingClientRect();
          return line.top >= box.top && line.bottom <= Math.min(box.bottom, innerHeight);
        });
        await shoot(page, `cited-${size}`);
      },
      { size },
    );
  }
});

test('the answer is in the first view of a laptop', fixtureOnly, async () => {
  await visit(
    '#/incidents/INC-204',
    async (page) => {
      await loaded(page);
      for (const part of ['.verdict', '.read', '.diff', '#evidence-title']) {
        const box = await page.locator(part).first().boundingBox();
        assert.ok(box.y + box.height <= 768, `${part} ends at ${box.y + box.height}`);
      }
      assert.ok(await page.locator('del.cite', { hasText: 'E99' }).isVisible());
    },
    { size: 'laptop' },
  );
});

test('hostile text is shown as text', fixtureOnly, async () => {
  for (const size of ['wide', 'phone']) {
    await visit(
      '#/incidents/INC-202/E1',
      async (page) => {
        await page.locator('#E1 .lines').waitFor();
        await page.locator('summary').first().click();
        assert.equal(await page.locator('#app img, #app script, #app b, #app i').count(), 0);
        assert.equal(await page.locator('a[href^="javascript:"], a[href^="data:"]').count(), 0);
        assert.doesNotMatch(await page.title(), /^owned/);
        await page.getByText("<script>alert('x')</script>").first().waitFor();
        await fits(page);
        await shoot(page, `hostile-${size}`);
      },
      { size },
    );
  }
});

test('a new incident waits, is taken in, and is written live', fixtureOnly, async () => {
  await visit('#/', async (page) => {
    await loaded(page);
    const rows = await page.locator('.incident-row').count();
    await fetch(`${url}/fixture/alert`, { method: 'POST', headers: { 'x-anchorite-request': '1' } });
    const waiting = page.locator('.waiting');
    await waiting.waitFor({ timeout: 1000 });
    assert.equal(await page.locator('.incident-row').count(), rows, 'nothing moved');
    await page.locator('.tabs a', { hasText: `Open ${rows + 1}` }).waitFor();
    await shoot(page, 'waiting');
    await page.keyboard.press('.');
    await page.locator('.incident-row', { hasText: 'filling up' }).first().click();
    await page.locator('.phase').waitFor();
    const text = page.locator('.read');
    await text.waitFor();
    await shoot(page, 'writing');
    await page.locator('.phase').waitFor({ state: 'detached', timeout: 15_000 });
    assert.match(await text.innerText(), /stop taking writes/);
    await page.locator('[aria-live=polite]', { hasText: 'Answer ready' }).waitFor({ state: 'attached' });
  });
});

test('an analysis is asked for again', fixtureOnly, async () => {
  await visit('#/incidents/INC-203', async (page) => {
    await loaded(page);
    await page.getByRole('button', { name: 'Analyze again' }).click();
    await page.getByRole('button', { name: 'Analysis under way' }).waitFor();
    await page.getByRole('button', { name: 'Analyze again' }).waitFor({ timeout: 15_000 });
  });
});

test('feedback is given by keyboard', fixtureOnly, async () => {
  await visit('#/incidents/INC-204', async (page) => {
    await loaded(page);
    await page.keyboard.press('2');
    await page.waitForFunction(() => document.activeElement?.matches('.feedback input, .feedback textarea'));
    await page.keyboard.type('it was the <b>database</b>');
    await page.keyboard.press('Enter');
    await page.locator('.feedback li', { hasText: 'Wrong cause it was the <b>database</b>' }).waitFor();
    await accessible(page);
  });
});

test('a follow-up question is answered with citations that can be followed', fixtureOnly, async () => {
  await visit('#/incidents/INC-204', async (page) => {
    await loaded(page);
    await page.keyboard.press('q');
    await page.waitForFunction(() => document.activeElement?.id === 'ask');
    await page.keyboard.type('what changed?');
    await page.keyboard.press('Enter');
    const answer = page.locator('.ask li', { hasText: 'what changed?' });
    await answer.getByText('answered by rules').waitFor();
    await answer.locator('[data-citation]').first().click();
    await page.locator('.ask input').fill('write me a poem');
    await page.getByRole('button', { name: 'Ask', exact: true }).click();
    await page.locator('.ask li', { hasText: 'I cannot answer this' }).waitFor();
    await accessible(page);
  });
});

test('filters are addresses and further pages are loaded', fixtureOnly, async () => {
  await visit('#/?state=resolved', async (page) => {
    await loaded(page);
    await page.getByRole('button', { name: 'Show more' }).click();
    await page.waitForFunction(() => document.querySelectorAll('.incident-row').length === 130);
    await page.getByLabel('Search incidents').fill('batch-3');
    await page.waitForURL(/q=batch-3/);
    await page.getByLabel('Search incidents').fill('no such thing');
    await page.getByText('Nothing matches').waitFor();
    await page.getByRole('link', { name: 'Clear the filter' }).click();
    await page.locator('.incident-row', { hasText: 'Checkout' }).waitFor();
  });
});

test('a first run says how to connect, and what is down is named', fixtureOnly, async () => {
  const empty = await startFixture('--empty', '--degraded');
  try {
    for (const size of ['wide', 'phone']) {
      await visit(
        '#/',
        async (page) => {
          await loaded(page);
          await page.getByText(`${empty.url}/api/v1/alertmanager`).waitFor();
          await page.getByText('prometheus unreachable since').waitFor();
          await page.getByText('model still loading: 38 s left').waitFor();
          await page.getByText('no Watchdog alert since').waitFor();
          await fits(page);
          await accessible(page);
          await shoot(page, `empty-${size}`);
        },
        { base: empty.url, size },
      );
    }
  } finally {
    empty.stop();
  }
});

test('a lost appliance is said, what was shown stays, and it is found again', fixtureOnly, async () => {
  let own = await startFixture();
  const port = new URL(own.url).port;
  try {
    await visit(
      '#/',
      async (page) => {
        await loaded(page);
        own.stop();
        await page.locator('.fact', { hasText: 'reconnecting' }).first().waitFor();
        assert.ok((await page.locator('.incident-row').count()) > 0);
        await accessible(page);
        own = await startFixture(`--port=${port}`);
        await page.locator('.fact', { hasText: 'live' }).waitFor({ timeout: 20_000 });
      },
      { base: own.url },
    );
  } finally {
    own.stop();
  }
});
