import { sqlite } from '@farebox/ledger/sqlite'
import { simulated } from '@farebox/providers/simulated'
import { createFarebox, presets, problemResponse, type Workflow, withoutCosts } from 'farebox'
import { Hono } from 'hono'
import { streamSSE } from 'hono/streaming'

export const box = createFarebox({
  store: sqlite({ filename: ':memory:' }),
  // Made-up answers, so no key is needed. In production: [openai({ apiKey: process.env.OPENAI_API_KEY })]
  providers: [simulated()],
  configuration: presets.costOptimized(),
})
await box.migrate()

export const app = new Hono<{ Variables: { farebox: Workflow } }>()

// Too few credits, a bad key or a failed provider: each becomes a problem document with its own status.
app.onError((error) => problemResponse(error))

// A request under /ai is paid for by its API key, and stops the model if its client leaves. Each request is one workflow.
app.use('/ai/*', async (context, next) => {
  const secret = /^Bearer (\S+)$/.exec(context.req.header('authorization') ?? '')?.[1]
  const workflow = await box.workflowOf(secret, { name: 'help_desk', signal: context.req.raw.signal })
  context.set('farebox', workflow)
  await next()
  if (context.error && workflow.isOpened) await workflow.close()
})

app.post('/ai/ask', async (context) => {
  const workflow = context.get('farebox')
  const answer = await workflow.streamChat({ messages: [{ role: 'user', content: await context.req.text() }] })
  return streamSSE(context, async (stream) => {
    try {
      for await (const event of answer.events) {
        if (event.type === 'text') await stream.writeSSE({ event: 'text', data: JSON.stringify(event.text) })
      }
    } finally {
      await answer.settled
      await stream.writeSSE({ event: 'receipt', data: JSON.stringify(withoutCosts(await workflow.close())) })
    }
  })
})

// All other paths: balance, usage, estimates, prices, and OpenAI's API.
const routes = box.routes()
app.all('*', (context) => routes(context.req.raw))
