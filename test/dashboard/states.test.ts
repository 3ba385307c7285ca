import { credits } from '@farebox/core'
import type { Page, Route } from 'playwright-core'
import { expect, test } from 'vitest'
import { ADMIN_TOKEN } from './open-dashboard.ts'
import { OTHERS_WORKFLOW } from './seed-month.ts'
import { loaded, visitDashboard } from './visit-dashboard.ts'

const { open, ask, inBrowser, openPage, signedIn, signIn, visit, strangers, failures } = visitDashboard({ perDay: 1 })

const rows = (page: Page) => page.locator('tbody tr')

/** A page whose time goes on as the test says. */
async function withClock(path: string): Promise<Page> {
  const page = await openPage(path, { mayFail: true })
  await page.clock.install()
  await signIn(page, open().seeded.key)
  return page
}

/** An account with a key, in which nothing has happened. */
async function openAccount(name: string) {
  const { ledger } = open().box
  const { accountId } = await ledger.openAccount({ name })
  await ledger.grant({ accountId, amount: credits(100_000) })
  const made = await ledger.createApiKey({ accountId, minimumBalance: credits(0) })
  if (made.status !== 'created' || made.secret === undefined) throw new Error('the key was not made')
  return { accountId, key: made.secret }
}

inBrowser('a network that is slow or gone', () => {
  test('an answer that takes longer than the time until the next question is waited for', async () => {
    const page = await openPage('/activity')
    await page.clock.install()
    const held: Route[] = []
    await page.route('**/api/v1/workflows?*', (route) => {
      held.push(route)
    })
    await signIn(page, open().seeded.key)
    await expect.poll(() => held.length).toBe(1)
    await page.clock.fastForward(4_500)
    await page.clock.fastForward(4_500)
    expect(held).toHaveLength(1)
    await held[0]?.continue()
    await rows(page).first().waitFor()
    await page.clock.fastForward(4_500)
    await expect.poll(() => held.length).toBe(2)
  })

  test.each([
    ['a workflow', () => `/workflows/${open().seeded.rescued}`],
    ['the providers', () => '/providers'],
    ['the overview', () => ''],
  ])('%s say that they are not up to date, and no more when they are again', async (_, path) => {
    const page = await withClock(path())
    await loaded(page)
    await page.context().setOffline(true)
    await page.clock.fastForward(16_000)
    await page.getByRole('alert').first().waitFor()
    expect(await page.getByRole('alert').first().textContent()).toBe('Not up to date: the server cannot be reached.')
    // What was known stays.
    expect(await rows(page).or(page.locator('.bar')).count()).toBeGreaterThan(0)
    await page.context().setOffline(false)
    await page.clock.fastForward(16_000)
    await expect.poll(() => page.getByRole('alert').count()).toBe(0)
  })

  test.each([
    ['in seconds', () => '30'],
    ['as a date', () => new Date(Date.now() + 30_000).toUTCString()],
  ])('a server that says %s when to ask again is not asked before, but when the reader asks', async (_, retryAfter) => {
    const page = await withClock('/activity')
    await rows(page).first().waitFor()
    let asked = 0
    await page.route('**/api/v1/workflows?*', (route) => {
      asked++
      return route.fulfill({ status: 429, headers: { 'retry-after': retryAfter() }, json: { code: 'BUSY', detail: 'too many' } })
    })
    await page.clock.fastForward(4_500)
    await page.getByText('Not up to date: too many.').waitFor()
    expect(asked).toBe(1)
    for (let rounds = 0; rounds < 5; rounds++) await page.clock.fastForward(4_500)
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
    await page.getByRole('button', { name: 'Filter', exact: true }).waitFor()
    expect(asked).toBe(1)
    await page.getByRole('radio', { name: 'Closed' }).check()
    await page.getByText('Wait a moment before trying again.').waitFor()
    expect(asked).toBe(2)
    await page.getByRole('button', { name: 'Try again' }).click()
    await expect.poll(() => asked).toBe(3)
    await page.unroute('**/api/v1/workflows?*')
    for (let rounds = 0; rounds < 8; rounds++) await page.clock.fastForward(4_500)
    await rows(page).first().waitFor()
    expect(await page.getByText('Wait a moment').count()).toBe(0)
  })

  test('what could not be loaded is not said to be loading', async () => {
    const page = await openPage('/prices', { mayFail: true })
    await signIn(page, open().seeded.key)
    await page.route(/\/api\/v1\/(workflows\?|status)/, (route) => route.fulfill({ status: 500, json: {} }))
    for (const [view, retry] of [
      ['Activity', '**/api/v1/workflows?*'],
      ['Providers', '**/api/v1/status'],
    ] as const) {
      await page.getByRole('link', { name: view, exact: true }).click()
      await page.getByText('This could not be loaded').waitFor()
      const updated = page.locator('.updated > span').first()
      expect(await updated.textContent()).toBe('Not loaded')
      await page.route(retry, (route) => route.continue())
      await page.getByRole('button', { name: 'Try again' }).click()
      await expect.poll(() => updated.textContent()).toMatch(/^Updated /)
    }
  })

  test('an answer that cannot be drawn takes the place of what it was about alone, until the next one that can', async () => {
    const page = await withClock('/keys')
    await rows(page).first().waitFor()
    const failed = page.locator('.notice', { hasText: 'This could not be loaded' })
    await page.route('**/api/v1/budgets', (route) => route.fulfill({ json: { rows: [] } }))
    for (let polls = 0; polls < 2; polls++) {
      const answered = page.waitForResponse('**/api/v1/budgets')
      await page.clock.fastForward(16_000)
      await answered
      await failed.waitFor()
      expect(await page.locator('h1').allTextContents()).toEqual(['Keys & limits'])
      expect(await rows(page).count()).toBeGreaterThan(0)
      if (polls === 0) await page.getByRole('button', { name: 'Try again' }).focus()
    }
    await page.unroute('**/api/v1/budgets')
    await page.clock.fastForward(16_000)
    await page.locator('.budget').first().waitFor()
    expect(await failed.count()).toBe(0)
    expect(await page.evaluate(() => document.activeElement?.querySelector('h2')?.textContent)).toBe('Budgets')
  })

  test('a workflow that cannot be drawn any more leaves the way back, and is drawn again when it can be', async () => {
    const page = await withClock(`/workflows/${open().seeded.rescued}`)
    const summary = page.getByRole('region', { name: 'Summary' })
    await summary.waitFor()
    await page.route('**/api/v1/workflows/*', (route) => route.fulfill({ json: { workflow_name: 'of_another_version' } }))
    await page.clock.fastForward(11_000)
    await page.getByText('This could not be loaded').waitFor()
    expect(await page.locator('h1').allTextContents()).toEqual(['of_another_version'])
    expect(await page.locator('a.back').count()).toBe(1)
    await page.unroute('**/api/v1/workflows/*')
    await page.clock.fastForward(11_000)
    await summary.waitFor()
    expect(await page.getByText('This could not be loaded').count()).toBe(0)
  })

  test('an answer that is nothing is not waited for any longer', async () => {
    const page = await openPage()
    await signIn(page, open().seeded.key)
    for (const [body, link] of [
      ['null', 'Statement'],
      ['[]', 'Prices'],
    ] as const) {
      await page.route('**/api/v1/**', (route) => route.fulfill({ contentType: 'application/json', body }))
      await page.getByRole('link', { name: link }).click()
      await page.getByRole('heading', { name: link }).waitFor()
      await page.getByText('This could not be loaded').waitFor()
      await page.getByText('the answer (HTTP 200) did not come from the Farebox API').waitFor()
    }
  })

  test('what was spent cannot be read, and the balance is shown all the same, until it can', async () => {
    const page = await openPage('', { mayFail: true })
    await page.clock.install()
    await page.route('**/api/v1/usage/series*', (route) =>
      route.fulfill({ status: 500, json: { code: 'INTERNAL', detail: 'something went wrong' } }),
    )
    await signIn(page, open().seeded.key)
    const balance = page.getByRole('region', { name: 'Balance' })
    const { available } = await ask<{ available: number }>('/credits')
    const stat = (name: string) => balance.locator('.stat').filter({ has: page.getByText(name, { exact: true }) })
    await expect.poll(() => stat('Available').textContent()).toContain(available.toLocaleString('en'))
    expect(await stat('Burn rate').textContent()).toBe('Burn rate– Not loaded: something went wrong')
    expect(await stat('Lasts').textContent()).toBe('Lasts– The burn rate is not known')
    await page.unroute('**/api/v1/usage/series*')
    await page.clock.fastForward(16_000)
    await expect.poll(() => stat('Lasts').textContent()).toContain('Available ÷ burn rate')
  })

  test('a series that is too long to be read to its end is not shown as if that were all', async () => {
    const page = await signedIn('/keys', open().seeded.key, { mayFail: true })
    await page.route('**/api/v1/usage/series*', async (route) => {
      const answer = await route.fetch()
      await route.fulfill({ response: answer, json: { ...((await answer.json()) as object), next_cursor: 'more' } })
    })
    // What is read page after page is not the server's own here: every page leads to the first one again.
    await page.route('**/api/v1/usage/series*cursor=more*', async (route) =>
      route.fulfill({ json: { series: [], next_cursor: 'more' } }),
    )
    await page.getByRole('link', { name: 'Overview' }).nth(1).click()
    const chart = page.getByRole('region', { name: 'Spend over time' })
    await chart.getByText('there are more than 50,000 amounts in this time').waitFor()
    await chart.getByText('Choose a shorter time').waitFor()
    expect(await page.getByTestId('spend-total').count()).toBe(0)
  })
})

inBrowser('the accounts of an admin', () => {
  test('are listed once the server answers, also if it did not when the admin signed in', async () => {
    const page = await openPage('', { mayFail: true })
    await page.clock.install()
    await page.getByLabel('API key or admin token').fill(ADMIN_TOKEN)
    // The first question only asks whose the token is.
    await page.route('**/api/v1/admin/accounts?limit=1000', (route) => route.abort())
    await page.keyboard.press('Enter')
    await page.getByText('No account is chosen').waitFor()
    const choice = page.getByRole('combobox', { name: 'Account' })
    await expect.poll(() => choice.textContent()).toBe('the server cannot be reached')
    await page.unroute('**/api/v1/admin/accounts?limit=1000')
    await page.clock.fastForward(6_000)
    await expect.poll(() => choice.locator('option').count()).toBeGreaterThan(1)
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
  })

  test('can be opened by id where there are more than a list can hold', async () => {
    const { accountId, other } = open().seeded
    const account = { account_id: accountId, name: 'One of many', balance: 1, held: 0, available: 1 }
    const page = await openPage()
    await page.route('**/api/v1/admin/accounts?limit=1000*', (route) =>
      route.fulfill({ json: { accounts: route.request().url().includes('cursor') ? [] : [account], next_cursor: 'more' } }),
    )
    await signIn(page, ADMIN_TOKEN)
    await page.getByLabel('1 accounts are listed. For another, enter its id:').fill(other.accountId)
    await page.keyboard.press('Enter')
    await expect.poll(() => page.getByRole('combobox', { name: 'Account' }).inputValue()).toBe(other.accountId)
    await loaded(page)
    expect(await page.evaluate(() => document.activeElement?.getAttribute('name'))).toBe('account_id')
    await page.getByRole('link', { name: 'Activity' }).click()
    await page.getByText(OTHERS_WORKFLOW).waitFor()
  })
})

inBrowser('a name that is written from right to left', () => {
  test('ends before the amount beside it, which stays after it and keeps its sign in front', async () => {
    const { ledger } = open().box
    for (const name of ['חשבון 12', 'over\u202Eridden']) await ledger.openAccount({ name })
    const page = await openPage()
    await signIn(page, ADMIN_TOKEN)
    const options = page.getByRole('combobox', { name: 'Account' }).locator('option')
    await expect.poll(() => options.allTextContents()).toContain('\u2068חשבון 12\u2069 · 0')
    expect(await options.allTextContents()).toContain('\u2068over\u202Eridden\u2069 · 0')
  })

  test('is cut at its end where it is too long, and not at its beginning', async () => {
    const { accountId, key } = await openAccount('Long names')
    for (const name of ['حساب العميل الكبير '.repeat(5).trim(), 'a name of many words '.repeat(5).trim()]) {
      const workflow = open().box.workflow({ accountId, name })
      await workflow.record('phone', 'twilio', 1, 'minutes')
      await workflow.end()
    }
    const page = await signedIn('', key, { viewport: { width: 360, height: 800 } })
    await page.locator('.column').last().hover()
    const begins = await page.locator('.tooltip .cut, .legend .cut, .bar-list .cut').evaluateAll((all) =>
      all
        .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)
        .map((name) => {
          const text = document.createTreeWalker(name, NodeFilter.SHOW_TEXT).nextNode() ?? name
          const first = document.createRange()
          first.setStart(text, 0)
          first.setEnd(text, 1)
          const [box, letter] = [name.getBoundingClientRect(), first.getBoundingClientRect()]
          return letter.left >= box.left - 1 && letter.right <= box.right + 1
        }),
    )
    expect(begins.length).toBeGreaterThan(3)
    expect(begins).not.toContain(false)
  })
})

inBrowser('workflows as they come', () => {
  test('are as many as were asked for however many come, and told as ended wherever they stand', async () => {
    const { accountId, key } = await openAccount('Busy')
    const first = open().box.workflow({ accountId, name: 'the_first' })
    await first.record('phone', 'twilio', 1, 'minutes')
    const page = await openPage('/activity')
    await page.clock.install()
    await signIn(page, key)
    await rows(page).first().waitFor()
    const come = async (count: number) => {
      for (let index = 0; index < count; index++) {
        const workflow = open().box.workflow({ accountId, name: `next_${index}` })
        await workflow.record('phone', 'twilio', 1, 'minutes')
        await workflow.end()
      }
      await page.clock.fastForward(4_500)
    }
    await come(30)
    await expect.poll(() => rows(page).count()).toBe(31)
    await come(30)
    // Sixty-one there are: none is left out in the middle, and none is kept that may have changed unseen.
    await expect.poll(() => rows(page).count()).toBe(50)
    await page.getByRole('button', { name: 'Older workflows' }).click()
    await expect.poll(() => rows(page).count()).toBe(61)
    await first.close()
    await page.clock.fastForward(4_500)
    await expect.poll(() => rows(page).last().textContent()).toMatch(/the_first.*Closed/)
    const { workflows } = await ask<{ workflows: { workflow_id: string }[] }>('/workflows?limit=100', key)
    const links = await page.locator('tbody a').evaluateAll((all) => all.map((link) => link.getAttribute('href')))
    expect(links.map((link) => link?.split('/').at(-1))).toEqual(workflows.map(({ workflow_id }) => workflow_id))
  })

  test('are no longer among the open ones when they end', async () => {
    const { accountId, key } = await openAccount('Two calls')
    const [one, other] = ['first_call', 'second_call'].map((name) => open().box.workflow({ accountId, name }))
    for (const each of [one, other]) await each?.record('phone', 'twilio', 1, 'minutes')
    const page = await openPage('/activity?state=open')
    await page.clock.install()
    await signIn(page, key)
    await expect.poll(() => rows(page).count()).toBe(2)
    await one?.close()
    await page.clock.fastForward(4_500)
    await expect.poll(() => rows(page).allTextContents()).toEqual([expect.stringContaining('second_call')])
  })
})

inBrowser('a list of ten thousand', () => {
  test.each([
    ['keys', 'API keys', 'keys', 'prefix', '/keys'],
    ['budgets', 'Budgets', 'budgets', 'budget_id', '/keys'],
    ['attempts', 'Attempts', 'attempts', 'attempt_id', '/workflows'],
    ['decisions', 'Route decisions', 'decisions', 'usage_id', '/workflows'],
  ])('of %s is drawn in parts, and stays as long as it was made', async (noun, name, field, id, path) => {
    const page = await openPage(path === '/keys' ? path : `/workflows/${open().seeded.rescued}`)
    await page.clock.install()
    // Of what the server answers, ten thousand of the first one.
    await page.route(/\/api\/v1\/(keys|budgets|workflows\/[^/]+)$/, async (route) => {
      const answer = await route.fetch()
      const whole = (await answer.json()) as Record<string, Record<string, unknown>[] | undefined>
      const [first] = whole[field] ?? []
      const many = first && Array.from({ length: 10_000 }, (_, place) => ({ ...first, [id]: `id_${place}` }))
      await route.fulfill({ response: answer, json: { ...whole, ...(many && { [field]: many }) } })
    })
    await signIn(page, open().seeded.key)
    await loaded(page)
    const list = page.getByRole('region', { name })
    const lines = list.locator('tbody tr:not(.decision *), .budget, .decision')
    expect(await lines.count()).toBe(200)
    const more = list.getByRole('button', { name: `More ${noun}` })
    await more.focus()
    await page.keyboard.press('Enter')
    await expect.poll(() => lines.count()).toBe(400)
    expect(await more.evaluate((button) => button === document.activeElement)).toBe(true)
    const refreshed = page.waitForResponse(/\/api\/v1\/(keys|workflows\/[^/]+)$/)
    await page.clock.fastForward(31_000)
    await refreshed
    await loaded(page)
    expect(await lines.count()).toBe(400)
    await page.unrouteAll({ behavior: 'wait' })
  })
})

inBrowser('what has changed meanwhile', () => {
  test('is in the statement, above all the older entries that were shown', async () => {
    const { accountId, key } = await openAccount('Moving')
    const { ledger } = open().box
    for (let grants = 0; grants < 59; grants++) await ledger.grant({ accountId, amount: credits(1) })
    const page = await openPage('/statement')
    await page.clock.install()
    await signIn(page, key)
    await page.getByRole('button', { name: 'Older entries' }).click()
    const numbers = () => page.locator('.entry .number').allTextContents()
    await expect.poll(async () => (await numbers()).length).toBeGreaterThan(50)
    const before = await numbers()
    for (let grants = 0; grants < 3; grants++) await ledger.grant({ accountId, amount: credits(2) })
    await page.clock.fastForward(16_000)
    const newest = Number(before[0]?.slice(1))
    await expect.poll(numbers).toEqual([3, 2, 1].map((more) => `#${newest + more}`).concat(before))
  })

  test('is the name of a key that was made while somebody looks', async () => {
    const { accountId, key } = await openAccount('Makes another key')
    const page = await openPage('/activity')
    await page.clock.install()
    await signIn(page, key)
    await loaded(page)
    const { ledger } = open().box
    const made = await ledger.createApiKey({ accountId, name: 'Made later', minimumBalance: credits(0) })
    if (made.status !== 'created') throw new Error('the key was not made')
    await ledger.openWorkflow({ accountId, name: 'by_it', apiKeyId: made.apiKeyId })
    // A round is left out while the one before is not answered.
    const later = async () => {
      await page.clock.fastForward(31_000)
      return rows(page).locator('td:nth-child(3)').allTextContents()
    }
    await expect.poll(later).toEqual(['Made later'])
  })

  test('is in the prices in force and in the list of the accounts', async () => {
    const page = await openPage('/prices')
    await page.clock.install()
    await signIn(page, ADMIN_TOKEN)
    await loaded(page)
    await page.getByRole('combobox', { name: 'Account' }).locator('option').nth(1).waitFor({ state: 'attached' })
    await open().box.ledger.openAccount({ name: 'Come later' })
    await page.route('**/api/v1/prices*', async (route) => {
      const answer = await route.fetch()
      await route.fulfill({ response: answer, json: { ...((await answer.json()) as object), price_version: 'of-the-new-month' } })
    })
    const changed = page
      .getByText('In force now, from price book of-the-new-month.')
      .or(page.locator('option', { hasText: 'Come later' }))
    // A round is left out while the one before is not answered.
    const later = async () => {
      await page.clock.fastForward(61_000)
      return changed.count()
    }
    await expect.poll(later).toBe(2)
    // An answer that is still read when the page closes is an error of the run.
    await page.unrouteAll({ behavior: 'wait' })
  })

  test('is in the chart, also where the clock of the reader is hours behind', async () => {
    const { accountId, key } = await openAccount('Ahead of the chart')
    const workflow = open().box.workflow({ accountId, name: 'just_now' })
    await workflow.record('phone', 'twilio', 3, 'minutes')
    await workflow.end()
    const page = await openPage('?range=24h')
    await page.clock.install({ time: Date.now() - 5 * 3_600_000 })
    await signIn(page, key)
    await loaded(page)
    expect(await page.getByTestId('spend-total').textContent()).toBe('60')
    expect(await page.locator('.bar').count()).toBe(1)
    expect(await page.getByRole('region', { name: 'Top workflows' }).locator('.bar-list .number').textContent()).toBe('60 100%')
  })

  test('was not opened in a time to come, also where the clock of the reader is behind', async () => {
    const { accountId, key } = await openAccount('Ahead')
    const workflow = open().box.workflow({ accountId, name: 'just_begun' })
    await workflow.record('phone', 'twilio', 1, 'minutes')
    await workflow.end()
    const page = await openPage('/activity')
    await page.clock.install({ time: Date.now() - 90_000 })
    await signIn(page, key)
    await rows(page).first().waitFor()
    expect(await rows(page).first().textContent()).toContain('now')
    expect(await page.locator('#main').textContent()).not.toMatch(/in \d+ (sec|min)/)
  })
})

inBrowser('a session', () => {
  test('leaves nothing behind when it is ended', async () => {
    const page = await signedIn('/activity?name=emergency_line')
    await page.getByRole('link', { name: 'emergency_line' }).click()
    await page.getByRole('heading', { name: 'Receipt' }).waitFor()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByLabel('API key or admin token').waitFor()
    expect(page.url()).toBe(`${open().origin}/dashboard/`)
    expect(await page.title()).toBe('Sign in · Farebox')
    expect(await page.evaluate(() => [sessionStorage.length, localStorage.length, document.cookie])).toEqual([0, 0, ''])
    await page.goBack()
    expect(await page.getByLabel('API key or admin token').inputValue()).toBe('')
    expect(await page.locator('body').textContent()).not.toContain('emergency_line')
    // Whoever signs in next begins at the beginning, or where the address leads, with nothing of the one before.
    await signIn(page, open().seeded.other.key)
    await loaded(page)
    expect(await page.locator('#main').textContent()).not.toContain('emergency_line')
  })

  test('has in its title what is shown, from the moment in which that is drawn', async () => {
    const page = await signedIn('/activity')
    const titleWhenDrawn = (heading: string, act: string) =>
      page.evaluate(
        ([wanted, name]) =>
          new Promise<string>((resolve) => {
            new MutationObserver((_, drawing) => {
              if (document.querySelector('h1')?.textContent !== wanted) return
              drawing.disconnect()
              resolve(document.title)
            }).observe(document.body, { childList: true, subtree: true, characterData: true })
            const all = [...document.querySelectorAll<HTMLElement>('nav a, button')]
            all.find(({ textContent }) => textContent?.trim() === name)?.click()
          }),
        [heading, act],
      )
    expect(await titleWhenDrawn('Prices', 'Prices')).toBe('Prices · Farebox')
    expect(await titleWhenDrawn('Sign in', 'Sign out')).toBe('Sign in · Farebox')
  })

  test('is of its tab: two tabs may have two keys, and ending one leaves the other', async () => {
    const mine = await signedIn('/activity')
    const theirs = await mine.context().newPage()
    await theirs.goto(`${open().origin}/dashboard/activity`)
    await signIn(theirs, open().seeded.other.key)
    await theirs.getByText(OTHERS_WORKFLOW).waitFor()
    expect(await mine.locator('body').textContent()).not.toContain(OTHERS_WORKFLOW)
    await theirs.getByRole('button', { name: 'Sign out' }).click()
    await mine.reload()
    await mine.getByRole('link', { name: 'emergency_line' }).waitFor()
  })

  test('begins and ends where a browser keeps nothing', async () => {
    const page = await openPage('/prices')
    await page.addInitScript(() => {
      for (const store of ['sessionStorage', 'localStorage'])
        Object.defineProperty(window, store, {
          get: () => {
            throw new DOMException('Access is denied for this document.', 'SecurityError')
          },
        })
    })
    await page.reload()
    await signIn(page, ADMIN_TOKEN)
    await visitByLink(page, 'Providers')
    await page.getByRole('button', { name: /^Theme/ }).click()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByLabel('API key or admin token').waitFor()
  })

  test('is led on by the buttons of the browser, and by links that lead deep into it', async () => {
    const page = await signedIn('/activity')
    await visitByLink(page, 'Prices')
    await visitByLink(page, 'Statement')
    await page.goBack()
    await expect.poll(() => page.locator('h1').textContent()).toBe('Prices')
    await page.goForward()
    await expect.poll(() => page.locator('h1').textContent()).toBe('Statement')
    await visit(page, `?range=24h&by=service`)
    expect(
      await page.getByRole('radio', { checked: true }).evaluateAll((all) => all.map((each) => each.getAttribute('value'))),
    ).toEqual(['24h', 'service'])
  })
})

inBrowser('amounts', () => {
  test.each(['Pacific/Apia', 'America/St_Johns'])('are of days of UTC for a reader in %s', async (timezoneId) => {
    const page = await signedIn('?range=7d&by=service', open().seeded.key, { timezoneId })
    const today = Math.floor(Date.now() / 86_400_000) * 86_400_000
    const { series } = await ask<{ series: { starts_at: string; total_credits: number }[] }>(
      `/usage/series?from=${new Date(today - 6 * 86_400_000).toISOString()}`,
    )
    await page.getByRole('button', { name: 'Show table' }).click()
    const lines = await page
      .locator('.chart-table tbody tr')
      .evaluateAll((all) => all.map((row) => [row.firstElementChild?.textContent, row.lastElementChild?.textContent]))
    const inDays = new Intl.DateTimeFormat('en-US', { timeZone: 'UTC', weekday: 'short', month: 'short', day: 'numeric' })
    expect(lines).toEqual(
      series
        .filter(({ total_credits }) => total_credits > 0)
        .map(({ starts_at, total_credits }) => [inDays.format(new Date(starts_at)), total_credits.toLocaleString('en-US')])
        .reverse(),
    )
  })

  test.each(['ar-EG', 'fa-IR', 'th-TH'])(
    'have dates that a reader in %s can tell, in the calendar of the API',
    async (locale) => {
      const page = await signedIn('', open().seeded.key, { locale, timezoneId: 'UTC' })
      const { grants } = await ask<{ grants: { expires_at: string | null }[] }>('/credits')
      const expiry = grants.find(({ expires_at }) => expires_at !== null)?.expires_at ?? ''
      const inDays = new Intl.DateTimeFormat('en-US', { timeZone: 'UTC', dateStyle: 'medium' })
      await page.getByText(`2,500 expire on ${inDays.format(new Date(expiry))}`).waitFor()
      await visit(page, '?range=12m')
      const month = new Intl.DateTimeFormat('en-US', { timeZone: 'UTC', month: 'short', year: '2-digit' })
      await page.locator('.chart svg').getByText(month.format(Date.now())).waitFor()
    },
  )

  test('no page asked anybody else, or failed', () => {
    expect(strangers).toEqual([])
    expect(failures).toEqual([])
  })
})

async function visitByLink(page: Page, name: string): Promise<void> {
  await page.getByRole('link', { name, exact: true }).click()
  await loaded(page)
}
