import { ProviderError } from '@farebox/core'

/** The SDK's classes that open websockets. */
export interface SocketClasses {
  SpeechSocket: typeof import('@cartesia/cartesia-js/resources/tts/ws').TTSWS
  TranscriptSocket: typeof import('@cartesia/cartesia-js/resources/stt/manual-finalize/ws').ManualFinalizeWS
}

/**
 * Loads the SDK's websocket classes, also for a host's own client. It loads the CommonJS build, because the ESM build never finds
 * the package `ws` and falls back to the platform's websocket, which takes no options and puts the key into the URL.
 *
 * @throws {ProviderError} `unsupported`: the SDK, or `ws` beside it, is not installed
 */
export async function loadSocketClasses(provider: string): Promise<SocketClasses> {
  const { createRequire } = await import('node:module')
  // A program bundled as CommonJS has no `import.meta.url`, and finds its packages from its own file.
  const require = createRequire(import.meta.url ?? __filename)
  try {
    createRequire(require.resolve('@cartesia/cartesia-js'))('ws')
  } catch (cause) {
    const needs = '"@cartesia/cartesia-js" (^4.2) and "ws" (^8.18)'
    const message = `${provider} needs the packages ${needs} for websockets: install them`
    throw new ProviderError(message, { provider, kind: 'unsupported', needs, cause })
  }
  return {
    SpeechSocket: require('@cartesia/cartesia-js/resources/tts/ws').TTSWS,
    TranscriptSocket: require('@cartesia/cartesia-js/resources/stt/manual-finalize/ws').ManualFinalizeWS,
  }
}
