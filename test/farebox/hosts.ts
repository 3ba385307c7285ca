import type { RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { getRequestListener } from '@hono/node-server'
import express from 'express'
import { type Farebox, problemResponse, type RoutesOptions, type Workflow } from 'farebox'
import { fareboxRoutes as expressRoutes, fareboxErrors, type MountOptions, farebox as mountExpress } from 'farebox/express'
import { fareboxFetch } from 'farebox/fetch'
import { type FareboxState, fareboxRoutes as koaRoutes, farebox as mountKoa } from 'farebox/koa'
import { Hono } from 'hono'
import Koa from 'koa'
import { onTestFinished } from 'vitest'
import { createPatientServer } from '../support/patient-server.ts'

/** What a host's own route does with its workflow. Text that comes bit by bit is passed on as it comes. */
export type Handler = (
  workflow: Workflow,
  body: Record<string, unknown>,
) => Promise<Record<string, unknown> | AsyncIterable<string>>

/** Somebody's server, built on one framework, in which Farebox is a guest. */
export interface Host {
  name: string
  /** Serves the API beside a page of the host's own, `GET /own`, which comes after it. */
  serveRoutes(box: Farebox, options?: RoutesOptions): Promise<RunningHost>
  /** Serves `POST /ai/ask` by a handler that is given the workflow of its request. */
  serveHandler(box: Farebox, mount: MountOptions, handler: Handler): Promise<RunningHost>
}

export interface RunningHost {
  url: string
}

export const OWN_PAGE = 'a page of the host'

const expressHost: Host = {
  name: 'Express 5',
  serveRoutes: (box, options) => serveExpressRoutes(box, options),
  serveHandler(box, mount, handler) {
    const app = express()
    app.use(express.json())
    app.use('/ai', mountExpress(box, mount))
    app.post('/ai/ask', async (request, response) => {
      const answer = await handler(request.farebox, request.body)
      if (!isText(answer)) return void response.json(answer)
      response.type('text/plain')
      for await (const part of answer) response.write(part)
      response.end()
    })
    app.use(fareboxErrors())
    return listen(app)
  },
}

function serveExpressRoutes(
  box: Farebox,
  options: RoutesOptions | undefined,
  { prefix = '', parsers = [] }: { prefix?: string; parsers?: express.RequestHandler[] } = {},
): Promise<RunningHost> {
  const app = express()
  for (const parser of parsers) app.use(parser)
  app.use(prefix || '/', expressRoutes(box, options))
  app.get('/own', (_request, response) => void response.send(OWN_PAGE))
  return listen(app, prefix)
}

const koaHost: Host = {
  name: 'Koa 3',
  serveRoutes: (box, options) => serveKoaRoutes(box, options),
  serveHandler(box, mount, handler) {
    const app = new Koa<FareboxState>()
    app.silent = true
    app.use(parseKoaJson)
    const mounted = mountKoa(box, mount)
    app.use(async (context, next) => (context.path.startsWith('/ai/') ? mounted(context, next) : next()))
    app.use(async (context) => {
      if (context.path !== '/ai/ask') return
      const { body } = context.request as { body?: Record<string, unknown> }
      const answer = await handler(context.state.farebox, body ?? {})
      context.body = isText(answer) ? Readable.from(answer) : answer
    })
    return listen(app.callback())
  },
}

function serveKoaRoutes(
  box: Farebox,
  options: RoutesOptions | undefined,
  { prefix = '', parsers = [] }: { prefix?: string; parsers?: Koa.Middleware[] } = {},
): Promise<RunningHost> {
  const app = new Koa()
  app.silent = true
  for (const parser of parsers) app.use(parser)
  const routes = koaRoutes(box, options)
  app.use(async (context, next) => {
    if (!context.path.startsWith(`${prefix}/`)) return next()
    // As koa-mount does it.
    const { path } = context
    context.path = path.slice(prefix.length)
    await routes(context, async () => {
      context.path = path
      await next()
    })
  })
  app.use(async (context) => {
    if (context.path === '/own') context.body = OWN_PAGE
  })
  return listen(app.callback(), prefix)
}

/** Reads JSON as koa-bodyparser does. */
const parseKoaJson: Koa.Middleware = async (context, next) => {
  if (context.is('json')) Object.assign(context.request, { body: JSON.parse(await text(context.req)) })
  await next()
}

/** The fetch handler, in Hono. It has no mount of its own: a host makes the workflow of a request with `box.workflowOf`. */
export const hono: Host = {
  name: 'the fetch handler',
  async serveRoutes(box, options) {
    const app = new Hono()
    const api = fareboxFetch(box, options)
    app.use(async (context, next) => (await api(context.req.raw)) ?? next())
    app.get('/own', (context) => context.text(OWN_PAGE))
    return listen(getRequestListener(app.fetch))
  },
  async serveHandler(box, { workflow: name, configuration, maxCredits }, handler) {
    const app = new Hono()
    app.post('/ai/ask', async (context) => {
      const secret = context.req.header('authorization')?.replace(/^Bearer /, '')
      try {
        const workflow = await box.workflowOf(secret, { name, configuration, maxCredits, signal: context.req.raw.signal })
        try {
          const answer = await handler(workflow, await context.req.json())
          if (!isText(answer)) return context.json(answer)
          return new Response(Readable.toWeb(Readable.from(answer)) as ReadableStream)
        } finally {
          if (workflow.isOpened) box.background(workflow.close())
        }
      } catch (error) {
        return problemResponse(error)
      }
    })
    return listen(getRequestListener(app.fetch))
  },
}

/** One of each kind. */
export const hosts: readonly Host[] = [expressHost, koaHost, hono]

/** Every way in which the API is mounted. */
export const routeHosts: readonly Pick<Host, 'name' | 'serveRoutes'>[] = [
  ...hosts,
  {
    name: 'Express 5 behind body parsers',
    serveRoutes: (box, options) =>
      serveExpressRoutes(box, options, { parsers: [express.json(), express.raw({ type: 'audio/*', limit: '10mb' })] }),
  },
  { name: 'Express 5 under a prefix', serveRoutes: (box, options) => serveExpressRoutes(box, options, { prefix: '/credits' }) },
  {
    name: 'Koa 3 behind a body parser',
    serveRoutes: (box, options) => serveKoaRoutes(box, options, { parsers: [parseKoaJson] }),
  },
  { name: 'Koa 3 under a prefix', serveRoutes: (box, options) => serveKoaRoutes(box, options, { prefix: '/credits' }) },
]

function isText(answer: Record<string, unknown> | AsyncIterable<string>): answer is AsyncIterable<string> {
  return Symbol.asyncIterator in answer
}

/** Serves until the test ends. */
export async function listen(listener: RequestListener, prefix = ''): Promise<RunningHost> {
  const server = createPatientServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await closed
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${prefix}` }
}
