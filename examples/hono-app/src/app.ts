import { sqlite } from '@farebox/ledger/sqlite'
import { simulated } from '@farebox/providers/simulated'
import { createFarebox, presets, problemResponse, type Workflow, withoutCosts } from 'farebox'
import { Hono } from 'hono'
import { streamSSE } from 'hono/streaming'

export const box = createFarebox({
  store: sqlite({ filename: ':memory:' }),
  // Answers without a key. The real thing: [openai({ apiKey: process.env.OPENAI_API_KEY })]
  providers: [simulated()],
  configuration: presets.costOptimized(),
})
await box.migrate()

export const app = new Hono<{ Variables: { farebox: Workflow } }>()

// Too few credits, a bad key, a failed provider: each is a problem document with its status.
app.onError((error) => problemResponse(error))

// Whoever asks under /ai pays with the API key of the request, and stops the model by leaving. One request is one workflow.
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

// Balance, usage, estimates, prices, and OpenAI's API: all other paths.
const routes = box.routes()
app.all('*', (context) => routes(context.req.raw))
