import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type DashboardOptions, dashboard } from '@farebox/dashboard'
import { dashboard as expressDashboard } from '@farebox/dashboard/express'
import { dashboard as koaDashboard } from '@farebox/dashboard/koa'
import express from 'express'
import Koa from 'koa'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { buildPagesIfStale } from '../../packages/dashboard/scripts/build-pages.ts'
import { createPatientServer } from '../support/patient-server.ts'

beforeAll(buildPagesIfStale)

/** What answers at an address. */
type Ask = (path: string, init?: RequestInit) => Promise<Response>

/** Servers with a page of their own at `/own`, and the dashboard at `path`. */
const hosts: Record<string, (options: DashboardOptions & { path: string }) => Promise<Ask>> = {
  Express: (options) =>
    serve(
      express()
        .use(expressDashboard(options))
        .get('/own', (_request, response) => void response.send('own')),
    ),
  'Express, below a path of its own': ({ path, ...options }) =>
    serve(
      express()
        .use(path, expressDashboard(options))
        .get('/own', (_request, response) => void response.send('own')),
    ),
  Koa(options) {
    const app = new Koa()
    app.use(koaDashboard(options))
    app.use((context) => {
      if (context.path === '/own') context.body = 'own'
    })
    return serve(app.callback())
  },
  async fetch(options) {
    const pages = dashboard(options)
    return (path, init) =>
      path === '/own' ? Promise.resolve(new Response('own')) : pages(new Request(`http://localhost${path}`, init))
  },
}

describe.each(Object.entries(hosts))('mounted in %s', (_name, mount) => {
  test('it serves its page for every view, its files for long, and leaves other paths alone', async () => {
    const ask = await mount({ path: '/deep/money' })
    expect(await (await ask('/own')).text()).toBe('own')
    expect((await ask('/deep/moneybag')).status).toBe(404)
    for (const view of ['', '/', '/keys', '/workflows/a%2Fb?x=1']) {
      const page = await ask(`/deep/money${view}`)
      expect([view, page.status, page.headers.get('content-type')]).toEqual([view, 200, 'text/html; charset=utf-8'])
      const html = await page.text()
      // The files are found from whatever view the page was asked for.
      expect(html).toContain('<base href="/deep/money/">')
      const script = /src="(assets\/app-[^"]+)"/.exec(html)?.[1] ?? ''
      const file = await ask(`/deep/money/${script}`, { headers: { 'accept-encoding': 'gzip' } })
      expect([file.status, file.headers.get('content-type')]).toEqual([200, 'text/javascript; charset=utf-8'])
    }
    expect((await ask('/deep/money/assets/app-nothing.js')).status).toBe(404)
    expect((await ask('/deep/money/assets/..%2findex.html')).status).toBe(404)
    const posted = await ask('/deep/money', { method: 'POST' })
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
    expect(await (await ask('/deep/money', { method: 'HEAD' })).text()).toBe('')
  })
})

test('an API of another origin is named in the page and allowed by its policy', async () => {
  const page = await dashboard({ apiBase: 'https://api.example.com/billing/' })(new Request('http://localhost/dashboard'))
  expect(await page.text()).toContain('content="https://api.example.com/billing"')
  expect(page.headers.get('content-security-policy')).toContain("connect-src 'self' https://api.example.com;")
})

test('at the root of a server it is everything', async () => {
  const page = await dashboard({ path: '/' })(new Request('http://localhost/keys'))
  expect(await page.text()).toContain('<base href="/">')
})

test('behind a proxy that strips a prefix, its page names where browsers find it', async () => {
  const ask = await serve(express().use('/money', expressDashboard({ publicPath: '/tools/money/' })))
  expect(await (await ask('/money/keys')).text()).toContain('<base href="/tools/money/">')
  const root = await dashboard({ publicPath: '/' })(new Request('http://localhost/dashboard/keys'))
  expect(await root.text()).toContain('<base href="/">')
})

test('an option that cannot be is named, with what was received', () => {
  expect(() => dashboard({ apiBas: '/billing' } as never)).toThrow(
    'apiBas: dashboard() has no such option; known are path, apiBase, pagesFolder',
  )
  expect(() => dashboard({ path: 'dashboard' })).toThrow('path must begin with a slash')
  expect(() => dashboard({ path: '/a?b' })).toThrow('"/a?b"')
  for (const publicPath of ['dashboard', '//elsewhere.example.com', 'https://a', '/a?b', '']) {
    expect(() => dashboard({ publicPath })).toThrow(
      `publicPath must be the path at which browsers find the pages, such as /tools/dashboard; received "${publicPath}"`,
    )
  }
  for (const apiBase of ['javascript:alert(1)', '//elsewhere.example.com', 'api', 'https://a b', 'https://a?b', 'https://a/#b']) {
    expect(() => dashboard({ apiBase })).toThrow(
      `apiBase must be a path or an http(s) address without /api/v1; received "${apiBase}"`,
    )
  }
})

test('without built pages it says how they are made', async () => {
  const pages = dashboard({ pagesFolder: '/nowhere' })
  await expect(pages(new Request('http://localhost/dashboard'))).rejects.toThrow(
    /not at \/nowhere\/: run the build .*pagesFolder/,
  )
})

async function serve(listener: RequestListener): Promise<Ask> {
  const server = createPatientServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  return (path, init) => fetch(`http://127.0.0.1:${port}${path}`, init)
}
