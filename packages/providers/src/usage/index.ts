export { anthropicUsage, mergeAnthropicUsage } from './anthropic.ts'
export { cartesiaTranscriptionUsage } from './cartesia.ts'
export { deepgramUsage } from './deepgram.ts'
export { elevenlabsSpeechUsage, elevenlabsTranscriptionUsage, type ReplyHeaders } from './elevenlabs.ts'
export {
  openaiChatUsage,
  openaiEmbeddingUsage,
  openaiRealtimeUsage,
  openaiResponseUsage,
  openaiSpeechUsage,
  openaiTranscriptionUsage,
} from './openai.ts'
export { type TwilioCallUsage, twilioCallUsage } from './twilio.ts'
