import { sqlite } from '@farebox/ledger/sqlite'
import { openai } from '@farebox/providers/openai'
import { simulated } from '@farebox/providers/simulated'
import express from 'express'
import { createFarebox, presets } from 'farebox'
import { farebox, fareboxErrors, fareboxRoutes } from 'farebox/express'

const box = createFarebox({
  store: sqlite({ filename: 'credits.db' }),
  providers: [openai({ apiKey: process.env.OPENAI_API_KEY }), simulated()],
  configuration: presets.costOptimized(),
})
await box.migrate()

const app = express()
app.use(fareboxRoutes(box, { adminToken: process.env.FAREBOX_ADMIN_TOKEN })) // the HTTP API, under /api/v1
app.use('/ai', farebox(box, { workflow: 'voice_chat' })) // key → account → req.farebox; closed with the response
app.post('/ai/ask', express.json(), async (req, res) => {
  const answer = await req.farebox.chat({ messages: [{ role: 'user', content: String(req.body.question) }] })
  res.json({ text: answer.text, receipt: await req.farebox.receipt() })
})
app.use(fareboxErrors()) // 401, 402, 403 … as problem documents
app.listen(40979, '127.0.0.1')
