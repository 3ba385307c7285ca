import { credits } from '@farebox/core'
import axe from 'axe-core'
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { ADMIN_TOKEN } from './open-dashboard.ts'
import { OTHERS_WORKFLOW } from './seed-month.ts'
import { loaded, visitDashboard } from './visit-dashboard.ts'

const { open, ask, inBrowser, openPage, signedIn, signIn, visit, strangers, failures } = visitDashboard({ perDay: 1 })

const number = (text: string | null | undefined) => Number((text ?? '').replace(/[^0-9.-]/g, ''))
const rows = (page: Page) => page.locator('tbody tr')

inBrowser('signing in', () => {
  test.each(['Bearer ', 'Authorization: bearer '])('takes a key that was copied with `%s` before it', async (before) => {
    const page = await openPage('/keys')
    await signIn(page, `${before}${open().seeded.key} `)
    await page.getByRole('heading', { name: 'Keys & limits' }).waitFor()
    expect(await page.evaluate(() => JSON.parse(sessionStorage.getItem('farebox.session') ?? '{}').secret)).toBe(
      open().seeded.key,
    )
  })
})

inBrowser('a path', () => {
  test('back to the workflows keeps their filter, also after the page was loaded again', async () => {
    const page = await signedIn('/activity?name=emergency_line&state=closed')
    await page.getByRole('link', { name: 'emergency_line' }).click()
    await page.getByRole('heading', { name: 'Receipt' }).waitFor()
    await page.reload()
    await loaded(page)
    await page.locator('a.back').click()
    await loaded(page)
    expect(page.url()).toBe(`${open().origin}/dashboard/activity?name=emergency_line&state=closed`)
    await expect.poll(() => rows(page).count()).toBe(1)
  })

  test('from a workflow of one account leads an admin to the workflows of the next one', async () => {
    const { accountId, other, prefix, rescued } = open().seeded
    const page = await signedIn('', ADMIN_TOKEN)
    const choice = page.getByLabel('Account')
    await choice.selectOption({ value: accountId })
    await visit(page, `/workflows/${rescued}`)
    await choice.selectOption({ value: other.accountId })
    await expect.poll(() => page.locator('h1').textContent()).toBe('Activity')
    await expect.poll(() => rows(page).count()).toBe(1)
    await choice.selectOption({ value: accountId })
    await visit(page, `/activity?key=${prefix}&state=closed`)
    await choice.selectOption({ value: other.accountId })
    await expect.poll(() => new URL(page.url()).search).toBe(`?state=closed&account=${other.accountId}`)
    await expect.poll(() => rows(page).count()).toBe(1)
    expect(failures).toEqual([])
  })

  test('of a workflow, copied by an admin, names its account and leads another admin to it', async () => {
    const { accountId, other, rescued } = open().seeded
    const page = await signedIn('', ADMIN_TOKEN)
    await page.getByLabel('Account').selectOption({ value: accountId })
    await visit(page, '/activity?name=emergency_line')
    const link = page.getByRole('link', { name: 'emergency_line' })
    const copied = await link.evaluate((element) => (element as HTMLAnchorElement).href)
    expect(copied).toBe(`${open().origin}/dashboard/workflows/${rescued}?account=${accountId}`)
    const path = copied.slice(`${open().origin}/dashboard`.length)

    const elsewhere = await openPage(path)
    await signIn(elsewhere, ADMIN_TOKEN)
    await elsewhere.getByRole('heading', { name: 'emergency_line' }).waitFor()
    // One who looks at another account comes to this one, and can leave it again.
    const choice = elsewhere.getByRole('combobox', { name: 'Account' })
    await choice.selectOption({ value: other.accountId })
    await expect.poll(() => elsewhere.locator('h1').textContent()).toBe('Activity')
    await visit(elsewhere, path)
    await elsewhere.getByRole('heading', { name: 'emergency_line' }).waitFor()
    expect(await choice.inputValue()).toBe(accountId)
    await visit(elsewhere, `/keys?account=${accountId}`)
    await choice.selectOption({ value: other.accountId })
    await expect.poll(() => choice.inputValue()).toBe(other.accountId)
    expect(new URL(elsewhere.url()).search).toBe(`?account=${other.accountId}`)

    const own = await signedIn('/activity?name=emergency_line')
    await own.getByRole('link', { name: 'emergency_line' }).click()
    await own.getByRole('heading', { name: 'Receipt' }).waitFor()
    expect(own.url()).toBe(`${open().origin}/dashboard/workflows/${rescued}`)
    expect(failures).toEqual([])
  })

  test('of an admin names the account in every view: the way back, a new load and a link that is sent lead to the same', async () => {
    const { accountId, other } = open().seeded
    const page = await signedIn('', ADMIN_TOKEN)
    const choice = page.getByRole('combobox', { name: 'Account' })
    await choice.selectOption({ value: accountId })
    await page.getByRole('link', { name: 'Activity' }).click()
    await loaded(page)
    await choice.selectOption({ value: other.accountId })
    await page.getByText(OTHERS_WORKFLOW).waitFor()
    await page.getByRole('link', { name: 'Keys & limits' }).click()
    await page.getByRole('link', { name: 'theirs' }).waitFor()
    const seen = async () => [
      new URL(page.url()).pathname,
      new URL(page.url()).searchParams.get('account'),
      await choice.inputValue(),
    ]
    const activity = '/dashboard/activity'
    await page.goBack()
    await expect.poll(seen).toEqual([activity, other.accountId, other.accountId])
    await page.getByText(OTHERS_WORKFLOW).waitFor()
    await page.goBack()
    await expect.poll(seen).toEqual([activity, accountId, accountId])
    await page.getByRole('link', { name: 'emergency_line' }).waitFor()
    expect(await page.getByText(OTHERS_WORKFLOW).count()).toBe(0)
    await page.goForward()
    await expect.poll(seen).toEqual([activity, other.accountId, other.accountId])
    await page.reload()
    await page.getByText(OTHERS_WORKFLOW).waitFor()
    expect(await seen()).toEqual([activity, other.accountId, other.accountId])

    // So does whatever link of the page is copied.
    for (const path of ['', '/activity', '/keys', `/workflows/${open().seeded.rescued}`]) {
      await visit(page, `${path}?account=${accountId}`)
      const links = await page
        .locator('a[href]')
        .evaluateAll((all) => all.map((link) => new URL((link as HTMLAnchorElement).href).searchParams.get('account')))
      expect([...new Set(links)]).toEqual([accountId])
    }
    const elsewhere = await openPage(`/activity?account=${other.accountId}`)
    await signIn(elsewhere, ADMIN_TOKEN)
    await elsewhere.getByText(OTHERS_WORKFLOW).waitFor()
    await elsewhere.getByRole('button', { name: 'Sign out' }).click()
    await expect.poll(() => elsewhere.url()).toBe(`${open().origin}/dashboard/`)
    expect(failures).toEqual([])
  })

  test('from a key leads to its workflows, which have its name', async () => {
    const { prefix } = open().seeded
    const page = await signedIn(`/activity?key=${prefix}`)
    await page.getByRole('button', { name: `Remove the filter: Key ${prefix}` }).waitFor()
    const keys = () => rows(page).locator('td:nth-child(3)').allTextContents()
    await expect.poll(async () => [...new Set(await keys())]).toEqual(['Reception desk'])
  })

  test('leads from a workflow to the other ones of its key, which have its name', async () => {
    const { prefix, rescued } = open().seeded
    const page = await signedIn(`/workflows/${rescued}`)
    const summary = page.getByRole('region', { name: 'Summary' })
    const { created_at } = await ask<{ created_at: string }>(`/workflows/${rescued}`)
    const year = String(new Date(created_at).getFullYear())
    await expect.poll(() => summary.textContent()).toMatch(new RegExp(`StateClosedOpened.*${year}.*KeyReception desk`))
    await summary.getByRole('link', { name: 'Reception desk' }).click()
    await page.getByRole('button', { name: `Remove the filter: Key ${prefix}` }).waitFor()
    const keys = () => rows(page).locator('td:nth-child(3)').allTextContents()
    await expect.poll(async () => [...new Set(await keys())]).toEqual(['Reception desk'])
  })

  test('leads from a day of the chart to its workflows, the most expensive first', async () => {
    const page = await signedIn()
    const today = Math.floor(Date.now() / 86_400_000) * 86_400_000
    const dayOf = async (daysAgo: number) => {
      const [from, to] = [daysAgo, daysAgo - 1].map((days) => new Date(today - days * 86_400_000).toISOString())
      const { workflows } = await ask<{ workflows: { total_credits_used: number }[] }>(`/workflows?from=${from}&to=${to}`)
      return { from, workflows }
    }
    // On a Sunday, there may be none.
    const yesterday = await dayOf(1)
    const daysAgo = yesterday.workflows.length > 0 ? 1 : 3
    const { from, workflows } = daysAgo === 1 ? yesterday : await dayOf(daysAgo)
    const amounts = workflows.map(({ total_credits_used }) => total_credits_used).sort((one, other) => other - one)
    expect(amounts.length).toBeGreaterThan(0)
    const shown = async () => {
      await page.getByRole('heading', { name: 'Activity' }).waitFor()
      await loaded(page)
      expect(new URL(page.url()).searchParams.get('from')).toBe(from)
      const cells = await rows(page).evaluateAll((all) => all.map((row) => row.lastElementChild?.textContent))
      expect(cells.map(number)).toEqual(amounts)
    }
    const slider = page.getByRole('slider')
    await slider.focus()
    for (let day = 0; day < daysAgo; day++) await slider.press('ArrowLeft')
    await slider.press('Enter')
    await shown()
    await page.goBack()
    await loaded(page)
    await page
      .locator('.column')
      .nth(29 - daysAgo)
      .click()
    await shown()
    await page.getByRole('button', { name: /^Remove the filter: Opened from / }).click()
    await expect.poll(() => new URL(page.url()).search).toBe('?sort=credits')
  })

  test('on a touch screen begins at the second tap: the first one shows the numbers', async () => {
    const page = await signedIn('', open().seeded.key, { hasTouch: true, isMobile: true, viewport: { width: 390, height: 800 } })
    const yesterday = page.locator('.column').nth(28)
    await yesterday.tap()
    await page.locator('.tooltip').waitFor()
    expect(await page.locator('h1').textContent()).toBe('Overview')
    await yesterday.tap()
    await expect.poll(() => page.locator('h1').textContent()).toBe('Activity')
  })

  test('leads from a line of a receipt to the prices that it was rated by', async () => {
    const page = await signedIn(`/workflows/${open().seeded.rescued}`)
    await page
      .getByText(/^Expected usage: .*; at most: .*; priced by default@/)
      .first()
      .waitFor()
    await page.getByRole('region', { name: 'Receipt' }).getByRole('link', { name: 'gpt-4o-mini' }).click()
    await expect.poll(() => page.getByLabel('Search prices').inputValue()).toBe('gpt gpt-4o-mini')
    await loaded(page)
    expect(await rows(page).count()).toBeGreaterThan(0)
    expect(await page.locator('tbody th > span:first-child').allTextContents()).not.toContain('claude-3-haiku')
  })
})

inBrowser('an address', () => {
  test('has what prices are searched for, and the field has what it says', async () => {
    const page = await signedIn('/prices?search=gpt-4o-mini')
    const field = page.getByLabel('Search prices')
    expect(await field.inputValue()).toBe('gpt-4o-mini')
    await field.fill('twilio phone')
    await expect.poll(() => new URL(page.url()).searchParams.get('search')).toBe('twilio phone')
    const shown = await rows(page).allTextContents()
    await page.getByRole('link', { name: 'Providers' }).click()
    await loaded(page)
    await page.goBack()
    await loaded(page)
    expect(await field.inputValue()).toBe('twilio phone')
    expect(await rows(page).allTextContents()).toEqual(shown)
    await page.getByRole('link', { name: 'Prices' }).click()
    await expect.poll(() => field.inputValue()).toBe('')
    expect(await rows(page).count()).toBeGreaterThan(shown.length)
  })

  test('is one step of the way back, however often a link leads to it', async () => {
    const page = await signedIn('/keys')
    const prices = page.getByRole('link', { name: 'Prices' })
    for (let clicks = 0; clicks < 3; clicks++) await prices.click()
    await page.getByRole('heading', { name: 'Prices' }).waitFor()
    await page.goBack()
    await expect.poll(() => page.locator('h1').textContent()).toBe('Keys & limits')
  })
})

inBrowser('a day on which more was given back than spent', () => {
  test('stands below zero in the chart, and its numbers add up there and in the table', async () => {
    const { ledger } = open().box
    const { accountId } = await ledger.openAccount({ name: 'Given back' })
    await ledger.grant({ accountId, amount: credits(10_000) })
    const made = await ledger.createApiKey({ accountId, name: 'refunds', minimumBalance: credits(0) })
    if (made.status !== 'created' || made.secret === undefined) throw new Error('the key was not made')
    const page = await signedIn('/prices', made.secret)
    const today = new Date(Math.floor(Date.now() / 86_400_000) * 86_400_000).toISOString()
    const amounts = { returned: -500, bought: 300, small: -100 }
    await page.route('**/usage/series?*', (route) =>
      route.fulfill({
        json: {
          series: Object.entries(amounts).map(([name, total_credits]) => ({
            starts_at: today,
            name,
            total_credits,
            usage_count: 1,
          })),
          next_cursor: null,
        },
      }),
    )
    await visit(page, '?range=7d')
    const axis = await page.locator('.gridline.zero').evaluate((line) => line.getBoundingClientRect().y)
    const tops = await page.locator('.bar').evaluateAll((bars) =>
      bars.map((bar) => {
        const { top, bottom, height } = bar.getBoundingClientRect()
        return { top: Math.round(top), bottom: Math.round(bottom), height: Math.round(height) }
      }),
    )
    const zero = Math.round(axis)
    const [bought, small, returned] = tops.sort((one, other) => one.top - other.top)
    expect(tops).toHaveLength(3)
    expect(Math.abs((bought?.bottom ?? 0) - zero)).toBeLessThanOrEqual(1)
    expect(Math.abs((small?.top ?? 0) - zero)).toBeLessThanOrEqual(1)
    expect(Math.abs((returned?.top ?? 0) - (small?.bottom ?? 0))).toBeLessThanOrEqual(1)
    const plot = await page.locator('.chart-plot').evaluate((element) => element.getBoundingClientRect().bottom)
    expect(returned?.bottom).toBeLessThanOrEqual(plot)
    await page.locator('.column').last().hover()
    expect(await page.locator('.tooltip-line .number').allTextContents()).toEqual(['300', '−100', '−500', '−300'])
    await page.getByRole('button', { name: 'Show table' }).click()
    await expect.poll(() => rows(page).locator('td').allTextContents()).toEqual(['300', '−100', '−500', '−300'])
  })
})

inBrowser('paper', () => {
  test('has room for a statement of large amounts', async () => {
    const { ledger } = open().box
    const { accountId } = await ledger.openAccount({ name: 'Billions' })
    for (let grants = 0; grants < 12; grants++) await ledger.grant({ accountId, amount: credits('999999999.999999') })
    const made = await ledger.createApiKey({ accountId, name: 'large', minimumBalance: credits(0) })
    if (made.status !== 'created' || made.secret === undefined) throw new Error('the key was not made')
    const page = await signedIn('/statement', made.secret, { viewport: { width: 718, height: 1000 } })
    await page.emulateMedia({ media: 'print' })
    await page.getByText('11,999,999,999.999988').last().waitFor()
    await expect.poll(() => page.locator('.main').evaluate(({ scrollWidth }) => scrollWidth)).toBeLessThanOrEqual(718)
  })

  test('shows the receipt alone, in light colours, and nothing wider than it', async () => {
    const page = await signedIn(`/workflows/${open().seeded.rescued}`, open().seeded.key, {
      colorScheme: 'dark',
      viewport: { width: 718, height: 1000 },
    })
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' })
    await expect
      .poll(() =>
        page
          .getByRole('navigation')
          .or(page.getByRole('button', { name: 'Menu' }))
          .count(),
      )
      .toBe(0)
    await page.getByRole('heading', { name: 'Receipt' }).waitFor()
    const luminous = await page.evaluate(() => getComputedStyle(document.querySelector('.card') ?? document.body).backgroundColor)
    expect(luminous).toBe('rgb(255, 255, 255)')
    const wider = await page
      .locator('.table-scroll')
      .evaluateAll((all) => all.filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth).length)
    expect(wider).toBe(0)
  })
})

inBrowser('who spends and who fails', () => {
  test('is the first key in the list, with its limit, and has its name in the chart', async () => {
    const { ledger } = open().box
    const { accountId } = await ledger.openAccount({ name: 'Two keys' })
    await ledger.grant({ accountId, amount: credits(10_000) })
    const made = []
    for (const name of ['Quiet', 'Busy', 'Twin', 'Twin']) {
      const key = await ledger.createApiKey({ accountId, name, minimumBalance: credits(0) })
      if (key.status !== 'created' || key.secret === undefined) throw new Error('the key was not made')
      made.push({ ...key, secret: key.secret })
    }
    const [quiet, busy, twin] = made
    if (!quiet || !busy || !twin) throw new Error('a key is missing')
    await ledger.setBudget({ accountId, apiKeyId: busy.apiKeyId, period: 'month', limit: credits(400) })
    for (const [key, minutes] of [
      [quiet, 1],
      [busy, 5],
      [twin, 2],
    ] as const) {
      const workflow = open().box.workflow({ accountId, name: 'by_key', apiKey: await ledger.authenticate(key.secret) })
      await workflow.record('phone', 'twilio', minutes, 'minutes')
      await workflow.end()
    }
    const page = await signedIn('/keys', busy.secret)
    await expect.poll(() => rows(page).locator('th a').allTextContents()).toEqual(['Busy', 'Twin', 'Quiet', 'Twin'])
    await expect.poll(() => rows(page).first().textContent()).toMatch(/100.*400 per month, 25% used/)
    await rows(page).first().getByRole('link', { name: 'Busy' }).click()
    await page.getByRole('button', { name: `Remove the filter: Key ${busy.prefix}` }).waitFor()
    await expect.poll(() => rows(page).count()).toBe(1)
    await visit(page, '?by=api_key')
    const legend = await page.locator('.legend .cut').allTextContents()
    expect(legend).toEqual(['Busy', `Twin (${twin.prefix})`, 'Quiet'])
  })

  test('is the first offer in the list, and is not called well while its calls fail', async () => {
    const page = await signedIn('/providers')
    const first = rows(page).first()
    await expect.poll(() => first.textContent()).toMatch(/^gpt-4oChatErrors.*100%/)
    await page.getByText(/^1 of \d+ unhealthy$/).waitFor()
  })
})

inBrowser('an answer of another shape', () => {
  test.each([
    ['/activity', 'Workflows'],
    ['/statement', 'Entries'],
    ['/keys', 'Budgets'],
    ['/providers', undefined],
    ['/prices', 'Prices'],
    ['', 'Balance'],
  ])('is told in words at %s, and the next good one is shown', async (path, region) => {
    const page = await signedIn('/prices')
    await page.route('**/api/v1/**', (route) => route.fulfill({ json: {} }))
    await visit(page, path)
    const where = region === undefined ? page.locator('#main') : page.getByRole('region', { name: region, exact: true })
    // A view that cannot be drawn at all says so in its own place.
    const told = where.or(page.locator('.main-inner')).getByText('the answer is not what the Farebox API').first()
    await told.waitFor()
    expect(await page.locator('#main').textContent()).not.toMatch(/iterable|undefined|null/)
    await page.unroute('**/api/v1/**')
    await page.getByRole('button', { name: 'Try again' }).evaluateAll((all) => {
      for (const button of all) (button as HTMLElement).click()
    })
    await expect.poll(() => page.getByRole('alert').count()).toBe(0)
    await loaded(page)
  })
})

inBrowser('filters', () => {
  test.each(['light', 'dark'] as const)(
    'are nothing that axe objects to, nor wider than 320 pixels, in %s',
    async (colorScheme) => {
      const { key, prefix } = open().seeded
      const page = await signedIn(`/activity?from=2026-01-01&key=${prefix}&user=mara&sort=credits`, key, {
        colorScheme,
        reducedMotion: 'reduce',
        viewport: { width: 320, height: 800 },
      })
      await page.getByRole('list', { name: 'Filters' }).waitFor()
      await page.evaluate(axe.source)
      const { violations } = await page.evaluate(() =>
        (globalThis as unknown as { axe: typeof import('axe-core') }).axe.run({ resultTypes: ['violations'] }),
      )
      expect(violations.map(({ id, nodes }) => `${id} at ${nodes.map(({ target }) => target).join(', ')}`)).toEqual([])
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(320)
    },
  )
})

inBrowser('an id', () => {
  test('is copied by its button', async () => {
    const page = await signedIn(`/workflows/${open().seeded.rescued}`)
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await page.getByRole('button', { name: 'Copy the id of the workflow' }).click()
    await page.getByText('Copied', { exact: true }).waitFor()
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(open().seeded.rescued)
  })

  test('no page asked anybody else, or failed', () => {
    expect(strangers).toEqual([])
    expect(failures).toEqual([])
  })
})
