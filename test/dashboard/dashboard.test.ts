import { credits, microCredits, quantity } from '@farebox/core'
import axe from 'axe-core'
import { expect, test } from 'vitest'
import { ADMIN_TOKEN } from './open-dashboard.ts'
import { OTHERS_WORKFLOW, XSS } from './seed-month.ts'
import { loaded, visitDashboard } from './visit-dashboard.ts'

// One month, one server and one Chromium for all of it.
const { open, ask, inBrowser, openPage, signedIn, signIn, visit, views, strangers, failures } = visitDashboard({ perDay: 1 })
const number = (text: string | null) => Number((text ?? '').replace('−', '-').replace(/[^0-9.-]/g, ''))

inBrowser('signing in', () => {
  test('a key that is not good is refused with what to do, and a good one opens the account', async () => {
    const page = await openPage('/keys', { mayFail: true })
    await page.getByLabel('API key or admin token').fill('fbx_not_a_key')
    await page.keyboard.press('Enter')
    expect(await page.getByRole('alert').textContent()).toMatch(/not accepted.*ask whoever runs the server/)
    await page.getByLabel('API key or admin token').fill('ключ')
    await page.keyboard.press('Enter')
    await page.getByText('Sign in', { exact: true }).first().waitFor()
    expect(await page.getByRole('alert').textContent()).toMatch(/not accepted/)
    await signIn(page, open().seeded.key)
    // It goes on where it was asked for, and no address, cookie or lasting store holds the key.
    expect(await page.locator('h1').textContent()).toBe('Keys & limits')
    expect(page.url()).toBe(`${open().origin}/dashboard/keys`)
    const kept = await page.evaluate(() => [JSON.stringify(localStorage), document.cookie, JSON.stringify(sessionStorage)])
    expect(kept.map((each) => each.includes(open().seeded.key))).toEqual([false, false, true])
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByLabel('API key or admin token').waitFor()
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0)
  })

  test('a key that is revoked while somebody looks leads back to signing in, with the reason', async () => {
    const { accountId } = open().seeded
    const made = await open().box.ledger.createApiKey({ accountId, name: 'short-lived', minimumBalance: 0n as never })
    if (made.status !== 'created' || made.secret === undefined) throw new Error('the key was not made')
    // A view that asks nothing by itself: one that did might be told before its reader goes on.
    const page = await signedIn('/prices', made.secret, { mayFail: true })
    await open().box.ledger.revokeApiKey({ accountId, apiKeyId: made.apiKeyId })
    await page.getByRole('link', { name: 'Statement' }).click()
    expect(await page.getByRole('alert').textContent()).toMatch(/You were signed out: .*key/)
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0)
  })

  test('an account key sees its own account and no other', async () => {
    const page = await signedIn('/activity')
    expect(await page.getByLabel('Account').count()).toBe(0)
    expect(await page.locator('body').textContent()).not.toContain(OTHERS_WORKFLOW)
    const theirs = await ask<{ workflows: { workflow_id: string }[] }>('/workflows', open().seeded.other.key)
    const other = await signedIn(`/workflows/${theirs.workflows[0]?.workflow_id}`, open().seeded.key, { mayFail: true })
    expect(await other.getByRole('alert').textContent()).toMatch(/Not found/)
  })

  test('the admin token opens every account, one at a time', async () => {
    const page = await signedIn('', ADMIN_TOKEN)
    const choice = page.getByLabel('Account')
    await choice.selectOption({ value: open().seeded.accountId })
    await loaded(page)
    const mine = await ask<{ available: number }>('/credits')
    expect(number(await page.locator('.stat.lead .stat-value').textContent())).toBe(mine.available)
    await choice.selectOption({ value: open().seeded.other.accountId })
    await loaded(page)
    const theirs = await ask<{ available: number }>('/credits', open().seeded.other.key)
    expect(number(await page.locator('.stat.lead .stat-value').textContent())).toBe(theirs.available)
    await page.getByRole('link', { name: 'Activity' }).click()
    await page.getByText(OTHERS_WORKFLOW).waitFor()
    // What providers charge is for the host to know.
    await page.getByText(OTHERS_WORKFLOW).click()
    await page.getByText('Our cost').waitFor()
    const customer = await signedIn(`/workflows/${open().seeded.rescued}`)
    expect(await customer.getByText('Our cost').count()).toBe(0)
  })
})

inBrowser('what is shown', () => {
  test('the chart has the amounts of the ledger, as bars, as words and as a table', async () => {
    const page = await signedIn('?by=provider')
    const from = new Date(Math.floor(Date.now() / 86_400_000) * 86_400_000 - 29 * 86_400_000).toISOString()
    const query = `from=${from}&granularity=day&limit=10000`
    const { series } = await ask<{ series: { starts_at: string; name: string; total_credits: number }[] }>(
      `/usage/series?${query}&group_by=provider`,
    )
    const total = series.reduce((sum, { total_credits }) => sum + total_credits, 0)
    expect(total).toBeGreaterThan(1_000)
    expect(number(await page.getByTestId('spend-total').textContent())).toBe(total)
    expect(number((await ask<{ total_credits: string }>(`/usage?from=${from}`)).total_credits.toString())).toBe(total)
    // A bar for each provider of each day.
    expect(await page.locator('.bar').count()).toBe(await drawn(series))

    const days = [...new Set(series.map(({ starts_at }) => starts_at))].sort()
    const ofDay = (day: string | undefined) =>
      series.filter(({ starts_at }) => starts_at === day).reduce((sum, { total_credits }) => sum + total_credits, 0)
    const slider = page.getByRole('slider', { name: /Credits spent per day, last 30 days, by provider/ })
    await slider.focus()
    await slider.press('End')
    await slider.press('ArrowLeft')
    const yesterday = new Date(Math.floor(Date.now() / 86_400_000) * 86_400_000 - 86_400_000).toISOString()
    expect(number(((await slider.getAttribute('aria-valuetext')) ?? '').split(': ')[1]?.split(' credit')[0] ?? '')).toBe(
      ofDay(yesterday),
    )
    await page.locator('.tooltip').waitFor()

    await page.getByRole('button', { name: 'Show table' }).click()
    const rows = page.locator('.chart-table tbody tr')
    expect(await rows.count()).toBe(days.length)
    const totals = await rows.evaluateAll((each) => each.map((row) => row.lastElementChild?.textContent ?? ''))
    expect(totals.map(number)).toEqual(days.reverse().map(ofDay))
    await page.getByText('12 months').click()
    await loaded(page)
    expect(await page.getByTestId('spend-total').textContent()).not.toBe('')
    expect(page.url()).toContain('range=12m')
  })

  test('the burn rate is the average of full days, and says so', async () => {
    const page = await signedIn()
    const today = Math.floor(Date.now() / 86_400_000) * 86_400_000
    const { series } = await ask<{ series: { total_credits: number }[] }>(
      `/usage/series?from=${new Date(today - 7 * 86_400_000).toISOString()}&to=${new Date(today).toISOString()}`,
    )
    const { available } = await ask<{ available: number }>('/credits')
    const perDay = series.reduce((sum, { total_credits }) => sum + total_credits, 0) / 7
    const stat = (name: string) => page.locator('.stat', { has: page.getByText(name, { exact: true }) })
    const shown = perDay >= 100 ? Math.round(perDay) : Math.round(perDay * 10) / 10
    expect(number((await stat('Burn rate').locator('.stat-value').textContent())?.split(' ')[0] ?? '')).toBe(shown)
    expect(await stat('Burn rate').textContent()).toContain('Average of the last 7 full days (UTC)')
    expect(number((await stat('Lasts').locator('.stat-value').textContent())?.split(' ')[0] ?? '')).toBe(
      Math.floor(available / perDay),
    )
  })

  test('the burn rate of a first day is its pace so far, and says so', async () => {
    const { ledger } = open().box
    const { accountId } = await ledger.openAccount({ name: 'Begun today' })
    await ledger.grant({ accountId, amount: credits(1_000) })
    const made = await ledger.createApiKey({ accountId, minimumBalance: credits(0) })
    if (made.status !== 'created' || made.secret === undefined) throw new Error('the key was not made')
    const workflow = open().box.workflow({ accountId, name: 'first' })
    await workflow.record('phone', 'twilio', 2, 'minutes')
    await workflow.end()
    const page = await signedIn('', made.secret)
    const stat = (name: string) => page.locator('.stat', { has: page.getByText(name, { exact: true }) })
    expect(await stat('Burn rate').textContent()).toContain('Today’s spending, extrapolated to a full day (UTC); 40 so far today')
    const shown = number((await stat('Burn rate').locator('.stat-value').textContent())?.split(' ')[0] ?? '')
    // From a quarter of the day on, it is what the whole day would come to.
    expect(shown).toBeGreaterThanOrEqual(40)
    expect(shown).toBeLessThanOrEqual(160)
    expect(await stat('Lasts').textContent()).toContain('Available ÷ burn rate: until about ')
  })

  test('charges of less than a credit are summed before they are rounded, and so are budgets and limits', async () => {
    const { ledger } = open().box
    const { accountId } = await ledger.openAccount({ name: 'Small change' })
    await ledger.grant({ accountId, amount: credits(100) })
    const made = await ledger.createApiKey({
      accountId,
      name: 'small',
      minimumBalance: credits(0),
      services: [{ service: 'gpt', costLimitPerRequest: credits('0.5') }],
    })
    if (made.status !== 'created' || made.secret === undefined) throw new Error('the key was not made')
    await ledger.setBudget({ accountId, period: 'total', limit: credits('1.5') })
    await ledger.setBudget({ accountId, apiKeyId: made.apiKeyId, period: 'total', limit: credits('0.5') })
    for (let place = 0; place < 12; place++) {
      const usage = {
        quantity: quantity(1),
        unit: 'tokens',
        rated: microCredits(100_000n),
        roundingStep: microCredits(1n),
      } as const
      await ledger.charge({ accountId, userId: `user_${place}`, service: 'gpt', provider: 'gpt-4o', usage })
    }
    const page = await signedIn('?by=user', made.secret)
    expect(await page.getByTestId('spend-total').textContent()).toBe('2')
    await page.locator('.column').last().hover()
    expect(await page.locator('.tooltip-line .number').allTextContents()).toEqual(['1', '1', '1', '1', '1', '1', '1', '2'])
    await page.getByRole('button', { name: 'Show table' }).click()
    await expect.poll(() => page.locator('.chart-table td').last().textContent()).toBe('2')
    await page.getByText('; 2 so far today').waitFor()
    await visit(page, '/keys')
    const budgets = page.locator('.budget')
    expect(await budgets.filter({ hasText: 'The account' }).textContent()).toMatch(/1\.2 of 1\.5 credits80% used, 0\.3 left/)
    expect(await budgets.filter({ hasText: 'Key small' }).textContent()).toMatch(/0 of 0\.5 credits0% used, 0\.5 left/)
    expect(await page.locator('tbody tr').textContent()).toContain('at most 0.5 credits a request')
    expect(await page.locator('tbody tr').textContent()).toContain('0.5 in total, 0% used')
  })

  test('the rest of a list, a sum of workflows and a receipt come to what was spent, also in tenths of a credit', async () => {
    const { ledger } = open().box
    const { accountId } = await ledger.openAccount({ name: 'Tenths' })
    await ledger.grant({ accountId, amount: credits(100) })
    const made = await ledger.createApiKey({ accountId, minimumBalance: credits(0) })
    if (made.status !== 'created' || made.secret === undefined) throw new Error('the key was not made')
    const run = async (name: string, tenths: bigint, parentId?: string) => {
      const opened = await ledger.openWorkflow({ accountId, name, parentId })
      if (opened.status === 'refused') throw new Error('the workflow was refused')
      const { workflowId } = opened
      const rated = microCredits(tenths * 100_000n)
      const usage = { quantity: quantity(1), unit: 'tokens', rated, roundingStep: microCredits(1n) } as const
      await ledger.charge({ accountId, workflowId, service: 'gpt', provider: `model_of_${name}`, usage })
      return workflowId
    }
    for (let place = 0; place < 12; place++) await run(`tenth_${place}`, 1n)
    const above = await run('above', 2n)
    await run('below', 9n, above)
    // 1.2 + 0.2 + 0.9
    const page = await signedIn('', made.secret)
    for (const name of ['Top workflows', 'Services and providers']) {
      const amounts = page.getByRole('region', { name }).locator('.bar-list .number')
      expect(await amounts.allTextContents()).toEqual(['1 39%', '1 9%', '1 4%', '1 4%', '1 4%', '1 4%', '1 35%'])
    }
    await visit(page, '/activity?sort=credits')
    await page.getByText('14 workflows, which cost 3 credits in all').waitFor()
    expect(await page.locator('tbody th a').allTextContents()).toEqual(expect.objectContaining({ 0: 'above', 1: 'below' }))
    await visit(page, `/workflows/${above}`)
    expect(await page.getByRole('region', { name: 'Summary' }).textContent()).toContain('Charged1.1 credits')
    const lines = await page.getByRole('region', { name: 'Receipt' }).locator('tbody tr').allTextContents()
    expect(lines.map((line) => line.replace(/^.*token/, ''))).toEqual(['0.218%', 'Workflows below it0.982%', 'Total1.1'])
  })

  test('what was charged without a workflow is beside the workflows, and is not called nothing where there are none', async () => {
    const { ledger } = open().box
    const { accountId } = await ledger.openAccount({ name: 'Loose ends' })
    await ledger.grant({ accountId, amount: credits(1_000) })
    const made = await ledger.createApiKey({ accountId, minimumBalance: credits(0) })
    if (made.status !== 'created' || made.secret === undefined) throw new Error('the key was not made')
    const usage = { quantity: quantity(1), unit: 'tokens', rated: credits('75.5'), roundingStep: microCredits(1n) } as const
    await ledger.charge({ accountId, service: 'gpt', provider: 'gpt-4o', usage })
    const page = await signedIn('', made.secret)
    const lines = page.getByRole('region', { name: 'Top workflows' }).locator('.bar-list-line')
    expect(await lines.allTextContents()).toEqual(['Without a workflow76 100%'])
    const workflow = open().box.workflow({ accountId, name: 'call' })
    await workflow.record('phone', 'twilio', 1, 'minutes')
    await workflow.end()
    await visit(page, '')
    expect(await lines.allTextContents()).toEqual(['Without a workflow76 79%', 'call1 run20 21%'])
  })

  test('a sum of workflows that may count one twice says so: one within another, where what is between them is filtered out', async () => {
    const { ledger } = open().box
    const { accountId } = await ledger.openAccount({ name: 'Three levels' })
    await ledger.grant({ accountId, amount: credits(1_000) })
    const made = await ledger.createApiKey({ accountId, minimumBalance: credits(0) })
    if (made.status !== 'created' || made.secret === undefined) throw new Error('the key was not made')
    const run = async (name: string, parentId?: string) => {
      const opened = await ledger.openWorkflow({ accountId, name, parentId })
      if (opened.status === 'refused') throw new Error('the workflow was refused')
      const { workflowId } = opened
      const usage = { quantity: quantity(1), unit: 'tokens', rated: credits(10), roundingStep: microCredits(1n) } as const
      await ledger.charge({ accountId, workflowId, service: 'gpt', provider: 'gpt-4o', usage })
      return workflowId
    }
    await run('agent', await run('tool', await run('agent')))
    await run('tool')
    const page = await signedIn('/activity?sort=credits', made.secret)
    const sums = {
      '': '4 workflows, which cost 40 credits in all',
      '&name=agent': '2 workflows, which cost at most 40 credits in all',
      '&name=tool': '2 workflows, which cost 30 credits in all',
    }
    for (const [filter, sum] of Object.entries(sums)) {
      await visit(page, `/activity?sort=credits${filter}`)
      expect(await page.locator('.card-note').textContent()).toBe(sum)
    }
  })

  test('a balance of eleven digits is in one line, and a long budget within its card, however narrow the screen', async () => {
    const { ledger } = open().box
    const { accountId } = await ledger.openAccount({ name: 'Plenty' })
    for (let grants = 0; grants < 89; grants++) await ledger.grant({ accountId, amount: credits(1_000_000_000) })
    const made = await ledger.createApiKey({ accountId })
    if (made.status !== 'created' || made.secret === undefined) throw new Error('the key was not made')
    await ledger.setBudget({ accountId, period: 'day', limit: credits('987654321.123456') })
    const workflow = open().box.workflow({ accountId, name: 'costly' })
    await workflow.record('phone', 'twilio', quantity('8765432'), 'minutes')
    await workflow.end()
    const page = await signedIn('', made.secret)
    const faults: string[] = []
    for (const width of [320, 360, 700, 1081, 1280]) {
      await page.setViewportSize({ width, height: 800 })
      await visit(page, '')
      const lines = await page.locator('.stat-value').evaluateAll((values) =>
        values.map((value) => {
          const range = document.createRange()
          // Of the number alone: its unit may stand below it.
          range.selectNodeContents(document.createTreeWalker(value, NodeFilter.SHOW_TEXT).nextNode() ?? value)
          return new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size
        }),
      )
      const beyond = await page
        .locator('.stat')
        .evaluateAll((all) => all.filter((one) => one.scrollWidth > one.clientWidth).length)
      if (lines.some((count) => count !== 1) || beyond > 0) faults.push(`${width}: ${lines} lines, ${beyond} beyond`)
      await visit(page, '/keys')
      const room = await page.locator('.budget-line .number').evaluate((amounts) => {
        const range = document.createRange()
        range.selectNodeContents(amounts)
        return (amounts.closest('.card')?.getBoundingClientRect().right ?? 0) - range.getBoundingClientRect().right
      })
      if (room < 12) faults.push(`${width}: the budget ends ${room} before its card`)
    }
    expect(faults).toEqual([])
  })

  test('an account below zero has nothing that could last, and is told how the debt ends', async () => {
    const { ledger } = open().box
    const { accountId } = await ledger.openAccount({ name: 'In debt', creditLimit: credits(500) })
    await ledger.grant({ accountId, amount: credits(50) })
    const made = await ledger.createApiKey({ accountId, minimumBalance: credits(0) })
    if (made.status !== 'created' || made.secret === undefined) throw new Error('the key was not made')
    const workflow = open().box.workflow({ accountId, name: 'over_the_edge' })
    await workflow.record('phone', 'twilio', 12, 'minutes')
    await workflow.end()
    const page = await signedIn('', made.secret)
    const stat = (name: string) => page.locator('.stat', { has: page.getByText(name, { exact: true }) })
    expect(number(await stat('Available').locator('.stat-value').textContent())).toBe(-190)
    expect(await stat('Available').textContent()).toContain('Below zero: what is owed is taken from the next grant')
    expect((await stat('Lasts').locator('.stat-value').textContent())?.trim()).toBe('–')
    expect(await stat('Lasts').textContent()).toContain('Nothing is available')
  })

  test('what expires next is all that expires on that day, of what is available', async () => {
    const { ledger } = open().box
    const { accountId } = await ledger.openAccount({ name: 'Two plans' })
    const inDays = (days: number) => Math.floor(Date.now() / 86_400_000) * 86_400_000 + (days + 0.5) * 86_400_000
    await ledger.grant({ accountId, amount: credits('100.5'), source: 'plan', expiresAt: inDays(9) })
    await ledger.grant({ accountId, amount: credits('20.5'), source: 'promo', expiresAt: inDays(9) + 60_000 })
    await ledger.grant({ accountId, amount: credits(7), source: 'promo', expiresAt: inDays(10) })
    await ledger.grant({ accountId, amount: credits(900), source: 'plan', effectiveAt: inDays(5), expiresAt: inDays(8) })
    const made = await ledger.createApiKey({ accountId, minimumBalance: credits(0) })
    if (made.status !== 'created' || made.secret === undefined) throw new Error('the key was not made')
    const page = await signedIn('', made.secret)
    const stat = page.locator('.stat', { has: page.getByText('Available', { exact: true }) })
    expect(await stat.textContent()).toMatch(/128 credits121 expire on /)

    await ledger.freezeAccount({ accountId, isFrozen: true })
    await page.reload()
    await loaded(page)
    expect(await stat.textContent()).toMatch(/128 creditsFrozen: new work is refused/)
  })

  test('a price by less than one of a unit is shown by it', async () => {
    const page = await openPage()
    const price = { service_type: 'phone', provider: 'twilio', unit_type: 'minutes', credits: '20' }
    const prices = ['0.5', '1', '1500.25'].map((per) => ({ ...price, per }))
    await page.route('**/api/v1/prices', (route) => route.fulfill({ json: { price_version: 'odd@1', prices } }))
    await signIn(page, open().seeded.key)
    await visit(page, '/prices')
    expect(await page.locator('tbody td:last-child').allTextContents()).toEqual(['0.5 minutes', 'minute', '1,500.25 minutes'])
  })

  test('a workflow has its receipt, its attempts with how they ended, and why each provider was chosen', async () => {
    const page = await signedIn('/activity')
    await page.getByRole('link', { name: 'emergency_line' }).click()
    await loaded(page)
    const receipt = await ask<{
      total_credits_used: number
      services_used: { provider: string; credits_used: number }[]
      attempts: { provider: string; outcome: string; error?: string }[]
      decisions: { candidates: { provider: string; why: string }[]; rejected: { provider: string; reason: string }[] }[]
    }>(`/workflows/${open().seeded.rescued}`)
    const cells = (name: string) =>
      page
        .getByRole('region', { name })
        .locator('tbody tr')
        .evaluateAll((rows) => rows.map((row) => row.textContent ?? ''))
    const lines = await cells('Receipt')
    expect(lines).toHaveLength(receipt.services_used.length + 1)
    for (const [place, { provider }] of receipt.services_used.entries()) expect(lines[place]).toContain(provider)
    expect(number(lines.at(-1) ?? '')).toBe(receipt.total_credits_used)
    const attempts = await cells('Attempts')
    expect(receipt.attempts.map(({ outcome }) => outcome)).toContain('failed')
    expect(attempts).toHaveLength(receipt.attempts.length)
    for (const [place, { provider, outcome, error = '' }] of receipt.attempts.entries()) {
      expect(attempts[place]).toContain(provider)
      expect(attempts[place]).toContain(outcome)
      expect(attempts[place]).toContain(error)
    }
    await page.locator('.decision').evaluateAll((all) => {
      for (const each of all) each.setAttribute('open', '')
    })
    const decisions = (await page.locator('.decision').allTextContents()).map((text) => text.replaceAll(' ', ''))
    expect(decisions).toHaveLength(receipt.decisions.length)
    for (const [place, { candidates, rejected }] of receipt.decisions.entries()) {
      for (const { provider, why } of candidates)
        expect(decisions[place]).toContain(`${provider}simulated·${why}`.replaceAll(' ', ''))
      for (const { provider, reason } of rejected) expect(decisions[place]).toContain(`${provider}${reason.replaceAll('_', '')}`)
    }
  })

  test('keys have their limits, budgets their use, prices can be searched, and providers have their health', async () => {
    const page = await signedIn('/keys')
    const { budgets } = await ask<{ budgets: { used: number; limit: number }[] }>('/budgets')
    const meters = await page.getByRole('meter').evaluateAll((each) => each.map((meter) => (meter as HTMLMeterElement).value))
    expect(meters).toEqual(budgets.map(({ used }) => used))
    await page.getByText('at most 50 credits a request').waitFor()
    await page.getByText('Revoked').first().waitFor()
    await visit(page, '/prices')
    const { prices } = await ask<{ prices: { provider: string }[] }>('/prices')
    const rows = page.locator('tbody tr')
    expect(await rows.count()).toBe(prices.length)
    await page.getByLabel('Search prices').fill('twilio phone')
    expect(await rows.count()).toBe(prices.filter(({ provider }) => provider === 'twilio').length)
    await page.getByLabel('Search prices').fill('nobody')
    await page.getByText('No price matches').waitFor()
    await visit(page, '/providers')
    const { adapters } = await ask<{ adapters: { offers: unknown[] }[] }>('/status')
    expect(await rows.count()).toBe(adapters.flatMap(({ offers }) => offers).length)
    await visit(page, '/statement')
    const { entries } = await ask<{ entries: { balance: string }[] }>('/credits/statement?limit=50')
    expect(number(await rows.first().locator('td').nth(3).textContent())).toBe(Number(entries[0]?.balance))
    await page.getByRole('button', { name: 'Older entries' }).click()
    await expect.poll(() => rows.count()).toBe(100)
  })

  test('a workflow that is opened appears by itself, and a filter leaves out the others', async () => {
    const page = await signedIn('/activity')
    const workflow = open().box.workflow({ accountId: open().seeded.accountId, name: 'just_now' })
    await workflow.record('phone', 'twilio', 1, 'minutes')
    await page.getByText('just_now').waitFor()
    await page.getByLabel('Workflow name').fill('just_now')
    await page.keyboard.press('Enter')
    await expect.poll(() => page.locator('tbody tr').count()).toBe(1)
    await workflow.close()
    await page.getByRole('cell', { name: 'Closed' }).waitFor()
    await page.getByLabel('Workflow name').fill('nothing_of_that_name')
    await page.keyboard.press('Enter')
    await page.getByText('No workflows').waitFor()
  })

  test('names that mean harm are shown as they are', async () => {
    const page = await signedIn('/activity')
    for (const path of ['/activity', '?by=user']) {
      await visit(page, path)
      await page.getByText(XSS).first().waitFor()
    }
    expect(await page.evaluate(() => 'hacked' in window)).toBe(false)
    expect(await page.locator('img').count()).toBe(0)
  })

  test('where the server does not answer, it says so and asks again', async () => {
    const page = await signedIn('', open().seeded.key, { mayFail: true })
    await page.route('**/api/v1/**', (route) => route.abort())
    await page.getByRole('link', { name: 'Prices' }).click()
    expect(await page.getByRole('alert').textContent()).toMatch(/No answer.*cannot be reached.*server is running/)
    await page.unroute('**/api/v1/**')
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.getByRole('cell', { name: '1,000 tokens' }).first().waitFor()
    await page.route('**/api/v1/**', (route) =>
      route.fulfill({
        status: 500,
        contentType: 'application/json',
        body: '{"code":"INTERNAL","detail":"something went wrong"}',
      }),
    )
    await page.getByRole('link', { name: 'Statement' }).click()
    expect(await page.getByRole('alert').textContent()).toMatch(/something went wrong.*INTERNAL/)
  })
})

inBrowser('however it is used', () => {
  test('a keyboard alone goes everywhere', async () => {
    const page = await signedIn()
    await page.reload()
    await loaded(page)
    const focused = () =>
      page.evaluate(() => document.activeElement?.textContent?.trim() || document.activeElement?.getAttribute('aria-label') || '')
    const tabTo = async (name: string | RegExp) => {
      for (let presses = 0; presses < 60; presses++) {
        await page.keyboard.press('Tab')
        if ((await focused()).match(name)) return
      }
      throw new Error(`the Tab key does not lead to ${name}`)
    }
    await page.keyboard.press('Tab')
    expect(await focused()).toBe('Skip to content')
    await page.keyboard.press('Enter')
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('main')
    await tabTo(/^Credits spent per day/)
    await page.keyboard.press('ArrowLeft')
    await page.locator('.tooltip').waitFor()
    await page.reload()
    await loaded(page)
    await tabTo(/^Activity$/)
    await page.keyboard.press('Enter')
    await loaded(page)
    expect(await focused()).toBe('Activity')
    await tabTo(/^emergency_line$/)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Attempts' }).waitFor()
    await page.goBack()
    await expect.poll(() => page.locator('h1').textContent()).toBe('Activity')
  })

  test('on a telephone nothing goes beyond the screen, and the menu leads on', async () => {
    const page = await signedIn('', ADMIN_TOKEN, { viewport: { width: 390, height: 800 }, hasTouch: true, isMobile: true })
    const menu = page.getByRole('button', { name: 'Menu' })
    await menu.click()
    await page.getByLabel('Account').selectOption({ value: open().seeded.accountId })
    const beyond: string[] = []
    for (const path of views()) {
      for (const width of [320, 390]) {
        await page.setViewportSize({ width, height: 800 })
        await visit(page, path)
        const needed = await page.evaluate(() => document.documentElement.scrollWidth)
        if (needed > width) beyond.push(`${path || 'overview'} needs ${needed} of ${width}`)
      }
    }
    expect(beyond).toEqual([])
    expect(await page.getByRole('link', { name: 'Keys & limits' }).isVisible()).toBe(false)
    await menu.click()
    await page.getByRole('link', { name: 'Keys & limits' }).click()
    await page.getByRole('heading', { name: 'Budgets' }).waitFor()
  })

  test('names without end, long amounts and fractions stay within their columns, on a screen and on a telephone', async () => {
    const { ledger } = open().box
    const endless = 'Supercalifragilisticexpialidocious_'.repeat(5)
    const { accountId } = await ledger.openAccount({ name: endless })
    await ledger.grant({ accountId, amount: credits('123456789.789012') })
    await ledger.setBudget({ accountId, userId: endless, period: 'day', limit: credits(1_000_000) })
    const made = await ledger.createApiKey({ accountId, name: endless, userId: endless })
    if (made.status !== 'created' || made.secret === undefined) throw new Error('the key was not made')
    const workflow = open().box.workflow({ accountId, name: endless, userId: endless })
    await workflow.record('gpt', 'gpt-4o', quantity('98765432'), 'tokens')
    await workflow.record('voice_stt', 'openai-whisper', quantity('12345.6789'), 'minutes')
    await workflow.record('voice_tts', 'elevenlabs', quantity('123456'), 'characters')
    await workflow.end()
    const rightToLeft = open().box.workflow({ accountId, name: 'مرحبا' })
    await rightToLeft.record('voice_tts', 'elevenlabs', quantity('123456'), 'characters')
    await rightToLeft.end()
    const page = await signedIn('', made.secret)
    const beyond: string[] = []
    for (const path of ['', '/activity', `/workflows/${workflow.id}`, '/keys', '/statement']) {
      for (const width of [390, 1280]) {
        await page.setViewportSize({ width, height: 800 })
        await visit(page, path)
        // A table that has to be moved aside hides the amounts, which are its last columns.
        const needed = await page.evaluate(() =>
          [document.documentElement, ...document.querySelectorAll('.table-scroll')]
            .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)
            .map(({ scrollWidth, clientWidth }) => `${scrollWidth} of ${clientWidth}`),
        )
        if (needed.length > 0) beyond.push(`${path || 'overview'} at ${width} needs ${needed}`)
      }
    }
    expect(beyond).toEqual([])
    await page.setViewportSize({ width: 390, height: 800 })
    await visit(page, '/statement')
    await page.getByText('123,456,789.789012', { exact: true }).first().waitFor()
    // How often it ran stands behind a name or beneath it, also where that is cut or read from the right.
    await visit(page, '')
    const lines = page.getByRole('region', { name: 'Top workflows' }).locator('.bar-list-line')
    for (const line of await lines.all()) {
      const [name, runs] = await Promise.all([
        line.locator('a').boundingBox(),
        line.getByText('1 run', { exact: true }).boundingBox(),
      ])
      if (!name || !runs) throw new Error('a line lacks its name or its runs')
      expect(runs.x >= name.x + name.width || runs.y >= name.y + name.height - 1).toBe(true)
      expect(runs.x + runs.width).toBeLessThan(390)
    }
    const units = page.getByRole('region', { name: 'Services and providers' }).getByText('Transcription · 12,346 minutes')
    expect(await units.evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)).toBeLessThanOrEqual(0)
  })

  test('what is listed adds up to what was spent, and what all savings assume is said once', async () => {
    const { ledger } = open().box
    const { accountId } = await ledger.openAccount({ name: 'Many names' })
    await ledger.grant({ accountId, amount: credits(10_000) })
    await ledger.setBudget({ accountId, period: 'total', limit: credits(450), mode: 'warn' })
    const made = await ledger.createApiKey({ accountId, name: 'many' })
    if (made.status !== 'created' || made.secret === undefined) throw new Error('the key was not made')
    for (let place = 1; place <= 9; place++) {
      const workflow = open().box.workflow({ accountId, name: `kind_${place}` })
      await workflow.record('gpt', 'gpt-4', quantity(place * 400), 'tokens')
      await workflow.end()
    }
    const page = await signedIn('', made.secret)
    const lines = page.getByRole('region', { name: 'Top workflows' }).locator('.bar-list-line')
    const amounts = await lines.locator('.number').allTextContents()
    expect(await lines.last().textContent()).toMatch(/^3 others/)
    expect(amounts.map((text) => number(text.split(' ')[0] ?? ''))).toEqual([90, 80, 70, 60, 50, 40, 60])
    const savings = page.getByRole('region', { name: 'Savings' })
    expect(await savings.locator('li').count()).toBe(6)
    expect((await savings.textContent())?.split('the same amounts would have been used')).toHaveLength(2)
    await savings.getByText('and 3 more, none of which saves more').waitFor()
    await savings
      .getByText(/^save [\d,]+ credits?$/)
      .first()
      .waitFor()
    await visit(page, '/keys')
    await page.getByText('of 450 credits').waitFor()
    await page.getByText('100% used, the limit is reached').waitFor()
  })

  test('a receipt shows what was charged at 320 pixels, and its amounts stand where its heading begins', async () => {
    const page = await signedIn(`/workflows/${open().seeded.rescued}`, open().seeded.key, {
      viewport: { width: 320, height: 800 },
    })
    const receipt = page.getByRole('region', { name: 'Receipt' })
    const { scrolls, edge } = await receipt.locator('.table-scroll').evaluate((table) => {
      const cell = [...table.querySelectorAll('thead th')].filter((each) => getComputedStyle(each).display !== 'none').at(-1)
      return { scrolls: table.scrollWidth > table.clientWidth, edge: cell && getComputedStyle(cell).paddingRight }
    })
    expect(scrolls).toBe(false)
    expect(edge).toBe(
      await receipt
        .locator('thead th')
        .first()
        .evaluate((each) => getComputedStyle(each).paddingLeft),
    )
    await receipt.locator('tbody').getByText('deepgram').first().waitFor()
    const lines = await receipt.getByText('Transcription', { exact: true }).evaluate((words) => {
      const range = document.createRange()
      range.selectNodeContents(words)
      return range.getClientRects().length
    })
    expect(lines).toBe(1)
  })

  test('a table in the place of the chart stays within its card, with each day in one line', async () => {
    const page = await signedIn('?by=provider', open().seeded.key, { viewport: { width: 390, height: 800 } })
    await page.getByRole('button', { name: 'Show table' }).click()
    const card = page.getByRole('region', { name: 'Spend over time' })
    const [outer, inner] = await Promise.all([card.boundingBox(), card.locator('.table-scroll').boundingBox()])
    if (!outer || !inner) throw new Error('there is no table in its card')
    expect(inner.x).toBeGreaterThanOrEqual(outer.x)
    expect(inner.x + inner.width).toBeLessThanOrEqual(outer.x + outer.width)
    const heights = await card.locator('tbody tr').evaluateAll((rows) => rows.map((row) => row.getBoundingClientRect().height))
    expect(Math.max(...heights)).toBeLessThan(1.5 * Math.min(...heights))
  })

  test('it follows the theme of the device, until another is chosen, which is kept', async () => {
    const page = await signedIn('', open().seeded.key, { colorScheme: 'dark' })
    const brightness = () =>
      page.evaluate(() => Number(/\d+/.exec(getComputedStyle(document.documentElement).backgroundColor)?.[0]))
    expect(await brightness()).toBeLessThan(40)
    await page.emulateMedia({ colorScheme: 'light' })
    expect(await brightness()).toBeGreaterThan(220)
    const theme = page.getByRole('button', { name: /^Theme/ })
    await theme.click()
    await theme.click()
    expect(await theme.textContent()).toBe('Theme: dark')
    await page.reload()
    expect(await brightness()).toBeLessThan(40)
    await loaded(page)
    await theme.click()
    expect(await brightness()).toBeGreaterThan(220)
  })

  test('axe finds nothing to object to, in light and in dark', async () => {
    // Colours that are on their way to others are neither.
    const page = await openPage('', { reducedMotion: 'reduce' })
    const objections = async (where: string) => {
      await page.evaluate(axe.source)
      const found: string[] = []
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        const { violations } = await page.evaluate(
          // In dark only the colours are others.
          (rules) => (globalThis as unknown as { axe: typeof import('axe-core') }).axe.run(rules),
          colorScheme === 'dark'
            ? { runOnly: ['color-contrast'], resultTypes: ['violations' as const] }
            : { resultTypes: ['violations' as const] },
        )
        found.push(
          ...violations.map(
            ({ id, nodes }) => `${where}, ${colorScheme}: ${id} at ${nodes.map(({ target }) => target).join(', ')}`,
          ),
        )
      }
      return found
    }
    const found = await objections('sign in')
    await signIn(page, ADMIN_TOKEN)
    await page.getByLabel('Account').selectOption({ value: open().seeded.accountId })
    for (const path of views()) {
      await visit(page, path)
      found.push(...(await objections(path || 'overview')))
    }
    await visit(page, '')
    await page.getByRole('button', { name: 'Show table' }).click()
    found.push(...(await objections('table')))
    expect(found).toEqual([])
  })

  test('every file comes from the server itself, under a strict policy, and nothing fails', async () => {
    const page = await fetch(`${open().origin}/dashboard`)
    expect(page.headers.get('content-security-policy')).toMatch(
      /^default-src 'self'; connect-src 'self'; .*frame-ancestors 'none'$/,
    )
    expect(page.headers.get('cache-control')).toBe('no-cache')
    const html = await page.text()
    expect(html).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\bon\w+=|style=/)
    for (const [, file] of html.matchAll(/(?:src|href)="(assets\/[^"]+)"/g)) {
      const asset = await fetch(`${open().origin}/dashboard/${file}`)
      expect([asset.status, asset.headers.get('cache-control')]).toEqual([200, 'public, max-age=31536000, immutable'])
    }
    expect(strangers).toEqual([])
    expect(failures).toEqual([])
  })
})

/** Bars that a series has in a chart, where the smallest of more than seven names are put together. */
async function drawn(series: readonly { starts_at: string; name: string; total_credits: number }[]): Promise<number> {
  const totals = new Map<string, number>()
  for (const { name, total_credits } of series) totals.set(name, (totals.get(name) ?? 0) + total_credits)
  const names = [...totals]
    .sort(([one, first], [other, second]) => second - first || (one < other ? -1 : 1))
    .map(([name]) => name)
  const own = new Set(names.length <= 7 ? names : names.slice(0, 6))
  const bars = new Set(
    series
      .filter(({ total_credits }) => total_credits > 0)
      .map(({ starts_at, name }) => `${starts_at} ${own.has(name) ? name : ''}`),
  )
  return bars.size
}
