import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, onTestFinished } from 'vitest'
import { openBrowser } from './open-browser.ts'
import { type OpenDashboard, openDashboard } from './open-dashboard.ts'

type PageOptions = BrowserContextOptions & { mayFail?: boolean }

const started = await openBrowser().catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))))

/**
 * A dashboard and a Chromium for the tests of one file.
 *
 * @param perDay  workflows on an ordinary day of the month
 */
export function visitDashboard({ perDay }: { perDay: number }) {
  let opened: OpenDashboard | undefined
  let browser: Browser
  /** What no page may do, however it is used: ask somebody else, or fail in the console. */
  const strangers: string[] = []
  const failures: string[] = []

  beforeAll(async () => {
    if (started instanceof Error) return
    browser = started
    opened = await openDashboard({ perDay })
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    await opened?.close()
  })

  const open = (): OpenDashboard => {
    if (!opened) throw new Error('there is no browser to look with')
    return opened
  }

  /** A page of a browser profile of its own. */
  const openPage = async (path = '', { mayFail = false, ...options }: PageOptions = {}): Promise<Page> => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
    onTestFinished(() => context.close())
    context.setDefaultTimeout(30_000)
    const page = await context.newPage()
    page.on('request', (request) => {
      if (new URL(request.url()).origin !== open().origin) strangers.push(request.url())
    })
    page.on('pageerror', ({ message }) => failures.push(message))
    page.on('console', (message) => {
      if (message.type() === 'error' && !mayFail) failures.push(`${message.text()} ${message.location().url}`)
    })
    await page.goto(`${open().origin}/dashboard${path}`)
    return page
  }

  const signIn = async (page: Page, secret: string): Promise<void> => {
    await page.getByLabel('API key or admin token').fill(secret)
    await page.keyboard.press('Enter')
    // On a telephone it is there and not seen.
    await page.locator('nav').waitFor({ state: 'attached' })
  }

  return {
    open,
    openPage,
    signIn,
    strangers,
    failures,

    /** A page that somebody has signed in to. */
    async signedIn(path = '', secret = open().seeded.key, options: PageOptions = {}): Promise<Page> {
      const page = await openPage(path, options)
      await signIn(page, secret)
      await loaded(page)
      return page
    },

    async visit(page: Page, path: string): Promise<void> {
      await page.goto(`${open().origin}/dashboard${path}`)
      await loaded(page)
    },

    /** What the API says to whoever has the key. */
    async ask<Answer>(path: string, secret = open().seeded.key): Promise<Answer> {
      const answer = await fetch(`${open().origin}/api/v1${path}`, { headers: { authorization: `Bearer ${secret}` } })
      if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`)
      return (await answer.json()) as Answer
    },

    views: () => ['', '/activity', `/workflows/${open().seeded.rescued}`, '/keys', '/prices', '/providers', '/statement'],

    /** Tests that want a browser; where none starts, their name says so. */
    inBrowser(name: string, tests: () => void): void {
      const isMissing = started instanceof Error
      describe.skipIf(isMissing)(isMissing ? `${name} (skipped: ${started.message.split('\n')[0]})` : name, tests)
    },
  }
}

/** Nothing of the page is still being asked for, and what is measured of it is of its own font. */
export async function loaded(page: Page): Promise<void> {
  await page.locator('h1').waitFor()
  await page.waitForFunction(() => document.querySelector('[aria-busy]') === null)
  await page.evaluate(async () => {
    const drawn = () => new Promise(requestAnimationFrame)
    // Only what is drawn asks for fonts.
    await drawn()
    await document.fonts.ready
    await drawn()
  })
}
