import type { Route } from '../http/route.ts'
import { chatCompletions } from './chat-completions.ts'
import { embeddings } from './embeddings.ts'
import { models } from './models.ts'
import { responses } from './responses.ts'
import { speech } from './speech.ts'
import { transcriptions } from './transcriptions.ts'

/** The routes that speak OpenAI's API. Its clients only need another base URL. */
export const compatRoutes: readonly Route[] = [chatCompletions, responses, embeddings, speech, transcriptions, ...models]
