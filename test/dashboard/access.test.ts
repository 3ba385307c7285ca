import { credits } from '@farebox/core'
import axe from 'axe-core'
import type { Locator, Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { ADMIN_TOKEN } from './open-dashboard.ts'
import { loaded, visitDashboard } from './visit-dashboard.ts'

const { open, ask, inBrowser, openPage, signedIn, signIn, visit, views, failures } = visitDashboard({ perDay: 1 })

const focused = (page: Page) => page.evaluate(() => document.activeElement?.textContent?.trim() ?? '')
const hasFocus = (of: Locator) => of.evaluate((element) => element === document.activeElement)

inBrowser('whoever cannot see all of it', () => {
  test('reaches what a table has beyond the screen by keyboard, at 320 pixels, and axe objects to nothing there', async () => {
    const page = await signedIn('', open().seeded.key, { viewport: { width: 320, height: 800 }, reducedMotion: 'reduce' })
    const unreached: string[] = []
    const objections: string[] = []
    let scrolled = 0
    for (const path of views()) {
      await visit(page, path)
      if (path === '') await page.getByRole('button', { name: 'Show table' }).click()
      for (const table of await page.locator('.table-scroll').all()) {
        const [isWider, tabIndex, role, label] = await table.evaluate((element) => [
          element.scrollWidth > element.clientWidth,
          (element as HTMLElement).tabIndex,
          element.getAttribute('role'),
          element.getAttribute('aria-label'),
        ])
        const isReached = tabIndex === 0 && role === 'group' && label !== null
        if (isReached !== isWider) unreached.push(`${path}: ${label ?? 'a table'}, wider: ${isWider}`)
        if (!isWider) continue
        scrolled++
        await table.focus()
        await page.keyboard.press('ArrowRight')
        await expect.poll(() => table.evaluate(({ scrollLeft }) => scrollLeft)).toBeGreaterThan(0)
      }
      await page.evaluate(axe.source)
      const { violations } = await page.evaluate(() =>
        (globalThis as unknown as { axe: typeof import('axe-core') }).axe.run({ resultTypes: ['violations'] }),
      )
      objections.push(...violations.map(({ id, nodes }) => `${path}: ${id} at ${nodes.map(({ target }) => target).join(', ')}`))
    }
    expect(unreached).toEqual([])
    expect(objections).toEqual([])
    expect(scrolled).toBeGreaterThan(2)
  })

  test('sees all of the choice that the arrow keys lead to, also where a row of them is wider than the screen', async () => {
    const page = await signedIn('', open().seeded.key, { viewport: { width: 320, height: 600 } })
    const beyond = () =>
      page.evaluate(() => {
        const label = document.activeElement?.closest('label')
        const row = label?.closest('fieldset')?.getBoundingClientRect()
        const { left = 0, right = 0 } = label?.getBoundingClientRect() ?? {}
        // Within a pixel, of which the browser scrolls no part.
        return { left: left < (row?.left ?? 0) - 1, right: right > (row?.right ?? 0) + 1 }
      })
    await page.getByRole('radio', { name: 'Workflow' }).focus()
    for (const [key, name] of [
      ['ArrowLeft', 'Total'],
      ['ArrowRight', 'Workflow'],
    ] as const) {
      await page.keyboard.press(key)
      expect(await page.getByRole('radio', { name }).isChecked()).toBe(true)
      await expect.poll(beyond).toEqual({ left: false, right: false })
    }
  })

  test('can leave in a window that is lower than the navigation', async () => {
    const page = await signedIn('/prices', ADMIN_TOKEN, { viewport: { width: 900, height: 320 } })
    const leave = page.getByRole('button', { name: 'Sign out' })
    await leave.focus()
    const box = await leave.boundingBox()
    expect((box?.y ?? 0) + (box?.height ?? 0)).toBeLessThanOrEqual(320)
  })

  test('finds what has the focus on the screen, and not beneath the bar that stays there', async () => {
    const page = await signedIn('/activity', open().seeded.key, { viewport: { width: 390, height: 500 } })
    await page.getByRole('button', { name: 'Older workflows' }).or(page.locator('tbody a').last()).last().focus()
    const hidden: string[] = []
    for (let presses = 0; presses < 12; presses++) {
      await page.keyboard.press('Shift+Tab')
      const beneath = await page.evaluate(() => {
        const { top } = document.activeElement?.closest('tr')?.getBoundingClientRect() ?? { top: 999 }
        return top < (document.querySelector('.sidebar')?.getBoundingClientRect().bottom ?? 0)
      })
      if (beneath) hidden.push(await focused(page))
    }
    expect(hidden).toEqual([])
  })

  test('tells colours of charts and the edges of fields from what is behind them, in light and in dark', async () => {
    const page = await signedIn('/activity')
    const faint: string[] = []
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      const colours = await page.evaluate(() => {
        const probe = document.body.appendChild(document.createElement('i'))
        const names = ['surface', 'sunken', ...[1, 2, 3, 4, 5, 6, 'rest'].map((each) => `series-${each}`)]
        const read = names.map((name): [string, string] => {
          probe.style.color = `var(--${name})`
          return [name, getComputedStyle(probe).color]
        })
        const field = document.querySelector('.field')
        return [...read, ['field', field ? getComputedStyle(field).borderTopColor : '']] as [string, string][]
      })
      const [surface, sunken, ...marks] = colours
      for (const [name, colour] of marks) {
        for (const [behind, its] of [surface, sunken].filter((each) => each !== undefined)) {
          const ratio = contrast(colour, its)
          if (ratio < 3) faint.push(`${name} on ${behind}, ${colorScheme}: ${ratio.toFixed(2)}`)
        }
      }
    }
    expect(faint).toEqual([])
  })

  test('sees which of a choice is chosen where a device has colours of its own', async () => {
    const page = await signedIn('', open().seeded.key, { forcedColors: 'active' })
    const background = (of: string) =>
      page
        .locator(of)
        .first()
        .evaluate((element) => getComputedStyle(element).backgroundColor)
    expect(await background('.segmented label:has(:checked)')).not.toBe(await background('.segmented label:not(:has(:checked))'))
    expect(await background('.legend .swatch')).not.toBe(await background('.card'))
    expect(await background('.track > span')).not.toBe(await background('.card'))
  })

  test.each([
    ['light', 'dark'],
    ['dark', 'light'],
  ] as const)(
    'tells the bars of a chart from a device’s own %s background, also if the theme %s is chosen',
    async (device, theme) => {
      const page = await openPage('', { forcedColors: 'active', colorScheme: device })
      await page.evaluate((chosen) => localStorage.setItem('farebox.theme', chosen), theme)
      await page.reload()
      await signIn(page, open().seeded.key)
      await loaded(page)
      const [surface = '', text = '', ...bars] = await page.evaluate(() => {
        const style = (of: string) => [...document.querySelectorAll(of)].map((element) => getComputedStyle(element))
        const fills = (of: string) => [...new Set(style(of).map(({ fill }) => fill))]
        return [
          ...style('.card')
            .map(({ backgroundColor }) => backgroundColor)
            .slice(0, 1),
          ...fills('.chart text'),
          ...fills('.bar'),
        ]
      })
      expect(bars.length).toBeGreaterThan(3)
      expect(bars.filter((colour) => contrast(colour, surface) < 3)).toEqual([])
      // As the rest of the text, it has the device's colour.
      expect(contrast(text, surface)).toBe(21)
    },
  )

  test('hears when each attempt began, which others see as lanes', async () => {
    const page = await signedIn(`/workflows/${open().seeded.rescued}`)
    const { attempts } = await ask<{ attempts: { started_at: string }[] }>(`/workflows/${open().seeded.rescued}`)
    const begin = Date.parse(attempts[0]?.started_at ?? '')
    const rows = await page.getByRole('region', { name: 'Attempts' }).locator('tbody tr').allTextContents()
    for (const [place, { started_at }] of attempts.entries()) {
      const ms = Date.parse(started_at) - begin
      expect(rows[place]).toContain(ms < 1_000 ? `after ${ms} ms` : `after ${Math.round(ms / 100) / 10} s`)
    }
  })

  test('finds each link by a word, also where a workflow, a key and a user are named by blanks', async () => {
    const { ledger } = open().box
    const blank = ' \u2003'
    // Last in the list of the accounts.
    const { accountId } = await ledger.openAccount({ name: 'Without words' })
    await ledger.grant({ accountId, amount: credits(1_000) })
    const made = await ledger.createApiKey({ accountId, name: blank, minimumBalance: credits(0) })
    if (made.status !== 'created' || made.secret === undefined) throw new Error('the key was not made')
    const workflow = open().box.workflow({ accountId, name: blank, userId: blank })
    await workflow.record('phone', 'twilio', 1, 'minutes')
    await workflow.end()
    const page = await signedIn('', made.secret)
    const nameless: string[] = []
    for (const path of ['', '/activity', '/keys', `/workflows/${workflow.id}`]) {
      await visit(page, path)
      const links = await page.locator('a').evaluateAll((all) => all.map((each) => each.ariaLabel ?? each.textContent ?? ''))
      nameless.push(...links.filter((text) => text.trim() === '').map(() => path))
    }
    expect(nameless).toEqual([])
    expect(await page.locator('h1').textContent()).toBe('unnamed')
    await page.getByRole('link', { name: 'unnamed' }).click()
    await expect.poll(() => new URL(page.url()).searchParams.get('user')).toBe(blank)
    await page.getByRole('button', { name: 'Remove the filter: User unnamed' }).waitFor()
    const admin = await openPage(`?account=${accountId}`)
    await admin.route('**/api/v1/admin/accounts?*', async (route) => {
      const answer = await route.fetch()
      await route.fulfill({ response: answer, body: (await answer.text()).replace('"Without words"', JSON.stringify(blank)) })
    })
    await signIn(admin, ADMIN_TOKEN)
    const option = admin.getByRole('combobox', { name: 'Account' }).locator(`option[value="${accountId}"]`)
    await expect.poll(() => option.textContent()).toContain(accountId)
  })

  test('has a larger type where the browser was told to use one', async () => {
    const page = await openPage()
    // As the setting does it: the size that the root has is relative to the browser's.
    const size = await page.evaluate(() => {
      const sheets = [...document.styleSheets].flatMap(({ cssRules }) => [...cssRules])
      return sheets.flatMap((rule) => (rule instanceof CSSStyleRule && rule.selectorText === 'html' ? [rule.style.fontSize] : []))
    })
    expect(size).toContain('87.5%')
    expect(await page.evaluate(() => getComputedStyle(document.documentElement).fontSize)).toBe('14px')
  })
})

inBrowser('the focus', () => {
  test('does not see what leads past the navigation before it has the focus, however large the type', async () => {
    const page = await signedIn()
    await page.evaluate(() => document.documentElement.style.setProperty('font-size', '250%'))
    const skip = page.getByRole('button', { name: 'Skip to content' })
    const bottom = () => skip.evaluate((element) => element.getBoundingClientRect().bottom)
    expect(await bottom()).toBeLessThanOrEqual(0)
    await skip.focus()
    expect(await bottom()).toBeGreaterThan(0)
  })

  test('begins at the heading after signing in, and stays with the accounts while an admin goes through them', async () => {
    const page = await openPage('/keys')
    await signIn(page, ADMIN_TOKEN)
    await loaded(page)
    await expect.poll(() => focused(page)).toBe('Keys & limits')
    const choice = page.getByRole('combobox', { name: 'Account' })
    await expect.poll(() => choice.locator('option').count()).toBeGreaterThan(1)
    await choice.focus()
    const [first] = await choice.evaluateAll((all) => all.map((each) => (each as HTMLSelectElement).value))
    await page.keyboard.press(first === open().seeded.accountId ? 'ArrowDown' : 'ArrowUp')
    await expect.poll(() => choice.inputValue()).not.toBe(first)
    await loaded(page)
    expect(await hasFocus(choice)).toBe(true)
  })

  test('stays on a button while what it asked for comes', async () => {
    const page = await signedIn('/statement')
    const { promise: released, resolve: release } = Promise.withResolvers<void>()
    await page.route('**/api/v1/credits/statement*', async (route) => {
      await released
      await route.continue()
    })
    const older = page.getByRole('button', { name: /Older entries|Loading/ })
    await older.focus()
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Loading…' }).waitFor()
    expect(await hasFocus(older)).toBe(true)
    // Pressing again meanwhile asks for nothing more.
    await page.keyboard.press('Enter')
    release()
    await page.getByRole('button', { name: 'Older entries' }).waitFor()
    expect(await page.locator('tbody tr').count()).toBe(100)
    expect(await hasFocus(older)).toBe(true)
  })

  test('stays in the chart when a new day begins', async () => {
    const page = await openPage()
    await page.clock.install()
    await signIn(page, open().seeded.key)
    await loaded(page)
    const slider = page.getByRole('slider')
    await slider.focus()
    await slider.press('ArrowLeft')
    const before = await slider.getAttribute('aria-valuetext')
    await page.clock.fastForward(86_400_000)
    await expect.poll(() => slider.getAttribute('aria-valuetext')).not.toBe(before)
    await loaded(page)
    expect(await hasFocus(slider)).toBe(true)
  })

  test('stays in the field of the workflows when it filters and when it is emptied, and what is written outlasts a refresh', async () => {
    const page = await openPage('/activity')
    await page.clock.install()
    await signIn(page, open().seeded.key)
    await loaded(page)
    const field = page.getByLabel('Workflow name')
    await field.focus()
    await page.keyboard.type('triage')
    await page.clock.fastForward(4_500)
    await loaded(page)
    await page.keyboard.press('Enter')
    await expect.poll(() => new URL(page.url()).search).toBe('?name=triage')
    await loaded(page)
    expect(await hasFocus(field)).toBe(true)
    await page.keyboard.press('Control+a')
    await page.keyboard.press('Backspace')
    await expect.poll(() => new URL(page.url()).search).toBe('')
    await loaded(page)
    await page.keyboard.type('emergency_line')
    expect(await field.inputValue()).toBe('emergency_line')
    // The field says what the address does.
    await page.keyboard.press('Enter')
    await expect.poll(() => new URL(page.url()).search).toBe('?name=emergency_line')
    await page.getByRole('link', { name: 'Activity', exact: true }).click()
    await expect.poll(() => field.inputValue()).toBe('')
  })

  test('stays by what has gone: a filter, a failure, and the button for older entries', async () => {
    const page = await openPage('/activity?user=mara', { mayFail: true })
    await signIn(page, open().seeded.key)
    await loaded(page)
    const around = () =>
      page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.tagName)
    await page.getByRole('button', { name: 'Remove the filter: User mara' }).focus()
    await page.keyboard.press('Enter')
    await expect.poll(() => page.getByRole('list', { name: 'Filters' }).count()).toBe(0)
    expect(await around()).toBe('Workflows')

    await page.route('**/api/v1/prices', (route) => route.abort())
    await page.getByRole('link', { name: 'Prices' }).click()
    await page.getByRole('button', { name: 'Try again' }).focus()
    await page.unroute('**/api/v1/prices')
    await page.keyboard.press('Enter')
    await expect.poll(() => page.locator('tbody tr').count()).toBeGreaterThan(0)
    expect(await around()).toBe('Prices')

    let isLast = false
    await page.route('**/api/v1/credits/statement*', async (route) => {
      const answer = await route.fetch()
      const { entries, ...rest } = (await answer.json()) as { entries: unknown[] }
      await route.fulfill({ response: answer, json: isLast ? { entries } : { entries, ...rest } })
    })
    await page.getByRole('link', { name: 'Statement' }).click()
    await page.getByRole('button', { name: 'Older entries' }).focus()
    isLast = true
    await page.keyboard.press('Enter')
    await expect.poll(() => page.locator('.more').count()).toBe(0)
    expect(await around()).toBe('Entries')
  })

  test('stays on a workflow of the overview when it runs again', async () => {
    const page = await openPage()
    await page.clock.install()
    await signIn(page, open().seeded.key)
    const { accountId } = open().seeded
    const link = page.getByRole('region', { name: 'Top workflows' }).getByRole('link').first()
    await link.focus()
    const before = await page.locator('.bar-list-line').first().textContent()
    const workflow = open().box.workflow({ accountId, name: (await link.textContent()) ?? '' })
    await workflow.record('phone', 'twilio', 1, 'minutes')
    await workflow.end()
    await page.clock.fastForward(16_000)
    await expect.poll(() => page.locator('.bar-list-line').first().textContent()).not.toBe(before)
    expect(await hasFocus(link)).toBe(true)
  })

  test('stays by the list when a workflow goes from it: an open one that ends, a name that falls to the others, an hour that is over', async () => {
    const { ledger } = open().box
    const { accountId } = await ledger.openAccount({ name: 'Comes and goes' })
    await ledger.grant({ accountId, amount: credits(10_000) })
    const made = await ledger.createApiKey({ accountId, minimumBalance: credits(0) })
    if (made.status !== 'created' || made.secret === undefined) throw new Error('the key was not made')
    const spend = async (name: string, minutes: number) => {
      const workflow = open().box.workflow({ accountId, name })
      await workflow.record('phone', 'twilio', minutes, 'minutes')
      return workflow
    }
    const call = await spend('call_under_way', 1)
    for (let place = 0; place < 7; place++) await (await spend(`name_${place}`, 2)).close()
    const page = await openPage('/activity?state=open')
    await page.clock.install()
    await signIn(page, made.secret)
    await loaded(page)
    const around = () =>
      page.evaluate(() => {
        const { activeElement } = document
        return activeElement?.getAttribute('aria-label') ?? activeElement?.querySelector('h2')?.textContent
      })
    await page.getByRole('link', { name: 'call_under_way' }).focus()
    await call.close()
    await page.clock.fastForward(4_500)
    await page.getByText('No workflow matches all filters').waitFor()
    expect(await around()).toBe('Workflows')

    await visit(page, '?range=24h')
    const last = page.getByRole('region', { name: 'Top workflows' }).getByRole('link').last()
    const name = (await last.textContent()) ?? ''
    await last.focus()
    for (const each of ['call_under_way', 'new_one']) await (await spend(each, 9)).close()
    await page.clock.fastForward(16_000)
    await expect.poll(() => page.getByRole('region', { name: 'Top workflows' }).getByRole('link', { name }).count()).toBe(0)
    expect(await around()).toBe('Top workflows')

    await page.getByRole('button', { name: 'Show table' }).click()
    const hour = page.locator('.chart-table tbody a').first()
    await hour.focus()
    await page.route('**/api/v1/usage/series?*', (route) =>
      route.fulfill({
        json: { series: [{ starts_at: '2001-01-01T00:00:00Z', name: 'past', total_credits: 1 }], next_cursor: null },
      }),
    )
    await page.clock.fastForward(16_000)
    await expect.poll(() => hour.count()).toBe(0)
    expect(await around()).toMatch(/^Credits spent per hour/)
  })

  test('comes back to the button of the menu when a link leads to the page that is shown', async () => {
    const page = await signedIn('/prices', open().seeded.key, { viewport: { width: 390, height: 800 } })
    const menu = page.getByRole('button', { name: 'Menu' })
    await menu.click()
    await page.getByRole('link', { name: 'Prices' }).focus()
    await page.keyboard.press('Enter')
    await expect.poll(() => menu.getAttribute('aria-expanded')).toBe('false')
    expect(await hasFocus(menu)).toBe(true)
    await menu.click()
    await page.getByRole('link', { name: 'Statement' }).click()
    await loaded(page)
    expect(await focused(page)).toBe('Statement')
  })

  test('comes back to the button of the menu when the menu is closed by key', async () => {
    const page = await signedIn('', open().seeded.key, { viewport: { width: 390, height: 800 } })
    const menu = page.getByRole('button', { name: 'Menu' })
    // A page is drawn in its own time after a key was pressed.
    const isOpen = () => menu.getAttribute('aria-expanded')
    await menu.focus()
    await page.keyboard.press('Enter')
    await expect.poll(isOpen).toBe('true')
    await page.keyboard.press('Tab')
    expect(await focused(page)).toBe('Overview')
    await page.keyboard.press('Escape')
    await expect.poll(isOpen).toBe('false')
    expect(await hasFocus(menu)).toBe(true)
  })

  test('is never beneath the menu: when it goes on to the page, the menu closes', async () => {
    const page = await signedIn('/keys', open().seeded.key, { viewport: { width: 320, height: 480 } })
    const menu = page.getByRole('button', { name: 'Menu' })
    await page.evaluate(() => scrollTo(0, document.body.scrollHeight))
    await menu.click()
    await page.getByRole('button', { name: 'Sign out' }).focus()
    await page.keyboard.press('Tab')
    await expect.poll(() => menu.getAttribute('aria-expanded')).toBe('false')
    const isOnTop = () =>
      page.evaluate(() => {
        const { x = 0, y = 0 } = document.activeElement?.getBoundingClientRect() ?? {}
        return document.activeElement?.contains(document.elementFromPoint(x + 2, y + 2))
      })
    expect(await page.evaluate(() => document.activeElement?.closest('main') !== null)).toBe(true)
    await expect.poll(isOnTop).toBe(true)
    await menu.click()
    await page.getByRole('link', { name: 'Farebox, overview' }).focus()
    await page.keyboard.press('Shift+Tab')
    expect(await focused(page)).toBe('Skip to content')
    await expect.poll(() => menu.getAttribute('aria-expanded')).toBe('false')
  })

  test('comes back also when the key is pressed the moment the menu opens', async () => {
    const page = await signedIn('', open().seeded.key, { viewport: { width: 390, height: 800 } })
    const menu = page.getByRole('button', { name: 'Menu' })
    await menu.evaluate((element) => {
      const opening = new MutationObserver(() => {
        opening.disconnect()
        dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }))
      })
      opening.observe(element, { attributeFilter: ['aria-expanded'] })
    })
    await menu.click()
    await expect.poll(() => menu.getAttribute('aria-expanded')).toBe('false')
    expect(await hasFocus(menu)).toBe(true)
  })
})

inBrowser('what words and bars say', () => {
  test('is nothing where nothing was used, and the same wherever it is said', async () => {
    const { ledger } = open().box
    const { accountId } = await ledger.openAccount({ name: 'Untouched' })
    await ledger.setBudget({ accountId, period: 'day', limit: credits(100) })
    const made = await ledger.createApiKey({ accountId, minimumBalance: credits(0) })
    if (made.status !== 'created' || made.secret === undefined) throw new Error('the key was not made')
    const page = await signedIn('/keys', made.secret)
    await page.getByText('0% used, 100 left').waitFor()
    expect(await page.locator('.track > span').count()).toBe(0)

    const failing = await signedIn(`/workflows/${open().seeded.rescued}`)
    await failing.route('**/api/v1/workflows/*', async (route) => {
      const answer = await route.fetch()
      await route.fulfill({ response: answer, body: (await answer.text()).replaceAll('"condition":"ok"', '"condition":"sick"') })
    })
    await failing.reload()
    await loaded(failing)
    await failing.locator('.decision').first().getByText('Failing').first().waitFor()
    expect(failures).toEqual([])
  })
})

/** Of two colours as `rgb(1, 2, 3)`. @source WCAG 2.2, contrast ratio */
function contrast(one: string, other: string): number {
  const [darker = 0, lighter = 0] = [luminance(one), luminance(other)].sort((first, second) => first - second)
  return (lighter + 0.05) / (darker + 0.05)
}

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = (colour.match(/[\d.]+/g) ?? []).map((part) => {
    const share = Number(part) / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}
