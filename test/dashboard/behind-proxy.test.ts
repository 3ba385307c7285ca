import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { dashboard } from '@farebox/dashboard'
import { getRequestListener } from '@hono/node-server'
import { expect, onTestFinished, test } from 'vitest'
import { createPatientServer } from '../support/patient-server.ts'
import { loaded, visitDashboard } from './visit-dashboard.ts'

const { open, inBrowser, openPage, signIn } = visitDashboard({ perDay: 1 })

/** A server that others reach below `/tools` alone, which is stripped before it sees the request. */
async function serveStripped(): Promise<string> {
  const api = open().box.routes()
  const pages = dashboard({ publicPath: '/tools/dashboard/', apiBase: '/tools' })
  const server = createPatientServer(
    getRequestListener(
      async (asked) => {
        const url = new URL(asked.url)
        if (!url.pathname.startsWith('/tools/')) return new Response('not of this proxy', { status: 404 })
        url.pathname = url.pathname.slice('/tools'.length)
        const request = new Request(url, asked)
        return url.pathname.startsWith('/dashboard') ? pages(request) : api(request)
      },
      { overrideGlobalObjects: false },
    ),
  ).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/tools`
}

inBrowser('behind a proxy that strips a prefix', () => {
  test('the pages find their files, the API and each other, from whichever of them they are loaded', async () => {
    const proxied = await serveStripped()
    const page = await openPage()
    const failed: string[] = []
    page.on('response', (response) => {
      if (!response.ok()) failed.push(`${response.status()} ${response.url()}`)
    })
    await page.goto(`${proxied}/dashboard/workflows/${open().seeded.rescued}`)
    await signIn(page, open().seeded.key)
    await page.getByRole('heading', { name: 'emergency_line' }).waitFor()
    await page.reload()
    await loaded(page)
    for (const [link, path] of [
      ['Keys & limits', '/keys'],
      ['Overview', '/'],
    ] as const) {
      await page.getByRole('link', { name: link, exact: true }).click()
      await expect.poll(() => page.url()).toBe(`${proxied}/dashboard${path}`)
      await page.reload()
      await loaded(page)
      expect(await page.locator('h1').textContent()).toBe(link)
    }
    expect(failed).toEqual([])
  })
})
