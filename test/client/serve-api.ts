import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { type AddressInfo, connect, createServer as createProxy, type Server, type Socket } from 'node:net'
import express from 'express'
import type { Farebox } from 'farebox'
import { fareboxRoutes } from 'farebox/express'
import { onTestFinished } from 'vitest'
import { createPatientServer } from '../support/patient-server.ts'

export const adminToken = 'token-of-the-admin'

/** Serves the API of a Farebox until the test ends. */
export function serveApi(box: Farebox): Promise<string> {
  return serve(express().use(fareboxRoutes(box, { adminToken })))
}

/** Serves anything over HTTP until the test ends. */
export function serve(listener: RequestListener): Promise<string> {
  return listen(createPatientServer(listener))
}

/** Somebody between client and server who cuts lines. */
export interface CutLine {
  url: string
  /** Connections so far. */
  connections: number
}

/**
 * Passes bytes on, and cuts the first lines: with `answers`, when the server has answered and before the client hears of it; with
 * a number, that many milliseconds after the question was passed on.
 */
export async function cutLines(url: string, cuts: readonly ('answer' | number)[]): Promise<CutLine> {
  const { port } = new URL(url)
  const line: CutLine = { url: '', connections: 0 }
  const left = [...cuts]
  const proxy = createProxy((client: Socket) => {
    line.connections++
    const cut = left.shift()
    const server = connect(Number(port), '127.0.0.1')
    const end = () => {
      client.destroy()
      server.destroy()
    }
    for (const socket of [client, server]) socket.on('error', end).on('close', end)
    client.on('data', (bytes) => {
      server.write(bytes)
      if (typeof cut === 'number') setTimeout(end, cut)
    })
    server.on('data', (bytes) => (cut === 'answer' ? end() : client.write(bytes)))
  })
  line.url = await listen(proxy)
  return line
}

async function listen(server: Server): Promise<string> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => sockets.add(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    server.close()
    for (const socket of sockets) socket.destroy()
    await once(server, 'close')
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
