import { text } from 'node:stream/consumers'
import { sqlite } from '@farebox/ledger/sqlite'
import { simulated } from '@farebox/providers/simulated'
import { createFarebox, presets, withoutCosts } from 'farebox'
import { type FareboxState, farebox, fareboxRoutes } from 'farebox/koa'
import Koa from 'koa'

export const box = createFarebox({
  store: sqlite({ filename: ':memory:' }),
  // Made-up answers, so no key is needed. In production: [openai({ apiKey: process.env.OPENAI_API_KEY })]
  providers: [simulated()],
  configuration: presets.costOptimized(),
})
await box.migrate()

const ai = farebox(box, { workflow: 'voice_chat' })

export const app = new Koa<FareboxState>()

// Balance, usage, estimates, prices: the HTTP API, under /api/v1.
app.use(fareboxRoutes(box))

// A request under /ai is paid for by its API key. Each request is one workflow, which closes with its response. An error in it
// (too few credits, a bad key, a failed provider) becomes a problem document with its own status.
app.use((ctx, next) => (ctx.path.startsWith('/ai/') ? ai(ctx, next) : next()))

app.use(async (ctx, next) => {
  if (ctx.path !== '/ai/ask') return next()
  const question = await text(ctx.req)
  const answer = await ctx.state.farebox.chat({ messages: [{ role: 'user', content: question }] })
  ctx.body = { text: answer.text, receipt: withoutCosts(await ctx.state.farebox.receipt()) }
})
