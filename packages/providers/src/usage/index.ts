export { anthropicUsage, mergeAnthropicUsage } from './anthropic.ts'
export { cartesiaTranscriptionUsage } from './cartesia.ts'
export { deepgramSpeechUsage, deepgramUsage } from './deepgram.ts'
export { elevenlabsSpeechUsage, elevenlabsTranscriptionUsage } from './elevenlabs.ts'
export {
  openaiChatUsage,
  openaiEmbeddingUsage,
  openaiRealtimeUsage,
  openaiResponseUsage,
  openaiSpeechUsage,
  openaiTranscriptionUsage,
} from './openai.ts'
export type { ReplyHeaders } from './reported.ts'
export { type TwilioCallUsage, twilioCallUsage } from './twilio.ts'
