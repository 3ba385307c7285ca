import { sqlite } from '@farebox/ledger/sqlite'
import { simulated } from '@farebox/providers/simulated'
import express from 'express'
import { createFarebox, presets, withoutCosts } from 'farebox'
import { farebox, fareboxErrors, fareboxRoutes } from 'farebox/express'

export const box = createFarebox({
  store: sqlite({ filename: ':memory:' }),
  // Answers without a key. The real thing: [openai({ apiKey: process.env.OPENAI_API_KEY })]
  providers: [simulated()],
  configuration: presets.premiumQuality(),
})
await box.migrate()

export const app = express()
app.use(express.json())

// Whoever asks under /ai pays with the API key of the request. One request is one workflow, closed with its response.
app.use('/ai', farebox(box, { workflow: 'voice_chat' }))
app.post('/ai/ask', async (req, res) => {
  const answer = await req.farebox.chat({ messages: [{ role: 'user', content: req.body.question }] })
  const speech = await req.farebox.speak({ text: answer.text })
  res.json({
    text: answer.text,
    audio: Buffer.from(speech.audio).toString('base64'),
    receipt: withoutCosts(await req.farebox.receipt()),
  })
})

// Balance, usage, estimates, prices: the HTTP API, under /api/v1.
app.use(fareboxRoutes(box))
// Too few credits, a bad key, a failed provider: each is a problem document with its status.
app.use(fareboxErrors())
