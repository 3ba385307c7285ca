import type { RequestListener, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import express from 'express'
import type { Farebox, RoutesOptions } from 'farebox'
import { fareboxRoutes as expressRoutes } from 'farebox/express'
import { fareboxFetch } from 'farebox/fetch'
import { fareboxRoutes as koaRoutes } from 'farebox/koa'
import Koa from 'koa'
import { createPatientServer } from '../support/patient-server.ts'

export const ADMIN = 'admin-token'

/** A box's API, on sockets of 127.0.0.1. */
export interface Served {
  /** The same API through Express, Koa and the handler of fetch. */
  urls: string[]
  close(): Promise<void>
}

export async function serve(box: Farebox, onError: RoutesOptions['onError']): Promise<Served> {
  const options: RoutesOptions = { adminToken: ADMIN, onError }
  const api = fareboxFetch(box, options)
  const koa = new Koa()
  koa.silent = true
  const listeners = [
    express().use(expressRoutes(box, options)),
    koa.use(koaRoutes(box, options)).callback(),
    getRequestListener(async (request) => (await api(request)) ?? new Response(null, { status: 404 })),
  ]
  const servers = await Promise.all(listeners.map(listen))
  return {
    urls: servers.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    async close() {
      for (const server of servers) {
        server.close()
        server.closeAllConnections()
      }
    },
  }
}

export async function listen(listener: RequestListener): Promise<Server> {
  const server = createPatientServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}
