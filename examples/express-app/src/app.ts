import { sqlite } from '@farebox/ledger/sqlite'
import { simulated } from '@farebox/providers/simulated'
import express from 'express'
import { createFarebox, presets, withoutCosts } from 'farebox'
import { farebox, fareboxErrors, fareboxRoutes } from 'farebox/express'

export const box = createFarebox({
  store: sqlite({ filename: ':memory:' }),
  // Made-up answers, so no key is needed. In production: [openai({ apiKey: process.env.OPENAI_API_KEY })]
  providers: [simulated()],
  configuration: presets.premiumQuality(),
})
await box.migrate()

export const app = express()
app.use(express.json())

// A request under /ai is paid for by its API key. Each request is one workflow, which closes with its response.
app.use('/ai', farebox(box, { workflow: 'voice_chat' }))
app.post('/ai/ask', async (req, res) => {
  const question: unknown = req.body?.question
  if (typeof question !== 'string') return void res.status(400).json({ error: 'send {"question":"…"} as application/json' })
  const answer = await req.farebox.chat({ messages: [{ role: 'user', content: question }] })
  const speech = await req.farebox.speak({ text: answer.text })
  res.json({
    text: answer.text,
    audio: Buffer.from(speech.audio).toString('base64'),
    receipt: withoutCosts(await req.farebox.receipt()),
  })
})

// Balance, usage, estimates, prices: the HTTP API, under /api/v1.
app.use(fareboxRoutes(box))
// Too few credits, a bad key or a failed provider: each becomes a problem document with its own status.
app.use(fareboxErrors())
