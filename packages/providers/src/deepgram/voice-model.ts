import { ProviderError, type SpeakRequest } from '@farebox/core'

const VOICE = /^(aura(?:-\d+)?)-([a-z]+-[a-z]{2})$/

/**
 * The model for the requested voice: at Deepgram every voice is a model, such as `aura-2-thalia-en`. A request names a voice by
 * the whole model, or by the part after the family: `apollo-en`.
 *
 * @throws {ProviderError} `unsupported`: the voice belongs to another family than `model`, which has another price
 */
export function voiceModel(provider: string, { model, voice }: Pick<SpeakRequest, 'model' | 'voice'>): string {
  if (voice === undefined) return model
  const family = VOICE.exec(model)?.[1]
  const named = VOICE.exec(voice)
  if (family !== undefined && named === null) return `${family}-${voice}`
  if (named === null || named[1] !== family) {
    throw new ProviderError(`${provider} cannot speak in another model's voice: ask for the model of the voice instead`, {
      provider,
      kind: 'unsupported',
      providerParameter: 'voice',
    })
  }
  return voice
}
