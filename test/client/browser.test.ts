import type * as client from '@farebox/client'
import { openai } from '@farebox/providers/openai'
import express from 'express'
import { fareboxRoutes } from 'farebox/express'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { openBrowser } from '../dashboard/open-browser.ts'
import { openAccount, openBox } from '../farebox/open-box.ts'
import { openLoopback } from '../farebox/parties.ts'
import { bundleClient } from './bundle-client.ts'
import { serve } from './serve-api.ts'

const started = await openBrowser().catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))))
const isMissing = started instanceof Error
const WORDS = Array.from({ length: 40 }, (_, index) => `word${index} `).join('')

/** What a page of another origin has: the bundle, and no more. */
declare const farebox: typeof client

describe.skipIf(isMissing)(isMissing ? `a page (skipped: ${started.message.split('\n')[0]})` : 'a page of another origin', () => {
  let code: string
  beforeAll(async () => {
    code = await bundleClient()
  })
  afterAll(async () => {
    if (!isMissing) await started.close()
  })

  /** A page with the client, a server for it, and everything that failed in it unseen. */
  async function open({ isAllowed = true } = {}) {
    const loopback = await openLoopback({ chat: () => ({ text: WORDS, promptTokens: 2_000, completionTokens: 500 }) })
    const box = await openBox({ providers: [openai({ apiKey: loopback.apiKey, baseURL: loopback.url })] })
    const account = await openAccount(box)
    const agent = await box.agents.create({
      accountId: account.accountId,
      serviceConfiguration: { primary_ai_model: 'gpt-4o', fallback_ai_model: null, last_resort: false },
    })
    const pages = await serve((request, response) => {
      const isScript = request.url === '/client.js'
      response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
      response.end(isScript ? code : '<!doctype html><script src="/client.js"></script>')
    })
    const api = await serve(express().use('/money', fareboxRoutes(box, isAllowed ? { cors: { origins: [pages] } } : {})))
    if (started instanceof Error) throw started
    const context = await started.newContext()
    onTestFinished(() => context.close())
    const page = await context.newPage()
    const unseen: string[] = []
    page.on('pageerror', ({ message }) => unseen.push(message))
    await page.goto(pages)
    return { loopback, box, page, unseen, given: { baseUrl: `${api}/money/`, apiKey: account.key, agentId: agent.agentId } }
  }

  it('asks, streams, and reads errors with what they tell', async () => {
    const { page, unseen, given } = await open()
    const seen = await page.evaluate(async ({ agentId, ...connection }) => {
      const client = farebox.createClient(connection)
      const texts: string[] = []
      for await (const text of (await client.agents.streamChat(agentId, { message: 'A story' })).texts()) texts.push(text)
      const error = await client.workflows.get('a/b%2F?#ü').catch((thrown: unknown) => thrown)
      return {
        texts,
        balance: (await client.credits()).credit_balance,
        error: error instanceof farebox.FareboxApiError && [error.status, error.code, error.message],
      }
    }, given)
    expect(seen.texts.length).toBeGreaterThan(5)
    expect(seen.texts.join('')).toBe(WORDS)
    expect(seen.balance).toBe(9_980)
    expect(seen.error).toEqual([404, 'WORKFLOW_NOT_FOUND', 'no workflow "a/b%2F?#ü"'])
    expect(unseen).toEqual([])
  })

  it('leaves in the middle of an answer, which ends it at its provider too', async () => {
    const { loopback, page, unseen, given } = await open()
    const stall = loopback.fail({ type: 'stall', after: 10 })
    const reason = await page.evaluate(async ({ agentId, ...connection }) => {
      const leaving = new AbortController()
      const stream = await farebox
        .createClient(connection)
        .agents.streamChat(agentId, { message: 'm' }, { signal: leaving.signal })
      try {
        for await (const text of stream.texts()) if (text !== '') leaving.abort(new Error('the reader left'))
      } catch (error) {
        return String(error)
      }
      return 'nothing'
    }, given)
    expect(reason).toBe('Error: the reader left')
    await stall.struck
    expect(await loopback.requests[0]?.abandoned).toBe(true)
    expect(unseen).toEqual([])
  })

  it('works in a worker', async () => {
    const { page, unseen, given } = await open()
    const told = await page.evaluate(async (connection) => {
      const work = `importScripts('${location.origin}/client.js')
        onmessage = async ({ data: { agentId, ...connection } }) => {
          const client = farebox.createClient(connection)
          const { text } = await (await client.agents.streamChat(agentId, { message: 'A story' })).answer()
          postMessage([text, (await client.credits()).credit_balance])
        }`
      const worker = new Worker(URL.createObjectURL(new Blob([work], { type: 'text/javascript' })))
      return new Promise<unknown>((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data)
        worker.onerror = ({ message }) => reject(new Error(message))
        worker.postMessage(connection)
      })
    }, given)
    expect(told).toEqual([WORDS, 9_980])
    expect(unseen).toEqual([])
  })

  it('that may not ask is told that nobody answered, and nothing is charged', async () => {
    const { box, page, unseen, given } = await open({ isAllowed: false })
    const error = await asked(page, given)
    expect(error).toEqual(['FareboxConnectionError', 'CONNECTION_FAILED', 'POST /workflows was not answered'])
    await expect.poll(async () => (await box.ledger.accounts())[0]?.balance).toBe(10_000_000_000n)
    expect(unseen).toEqual([])
  })

  async function asked(page: Page, given: { baseUrl: string; apiKey: string }) {
    return page.evaluate(async ({ baseUrl, apiKey }) => {
      const client = farebox.createClient({ baseUrl, apiKey, retries: 1 })
      const error = await client.workflows.open({ workflow_name: 'w' }).catch((thrown: unknown) => thrown)
      return error instanceof farebox.FareboxConnectionError && [error.name, error.code, error.message]
    }, given)
  }
})
