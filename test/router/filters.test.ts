import { createCatalog, plan, presets, type RouteNeeds, type ServiceConfiguration } from '@farebox/router'
import { describe, expect, it } from 'vitest'
import { adapter, health, inputOf, offer, order, planned, rejections, request } from './plan-parts.ts'

const stated = createCatalog([
  adapter('one', [
    offer('gpt-4o-mini', 0.6, 300, {
      regions: ['eu', 'us'],
      languages: ['en', 'de'],
      serviceLevels: ['zero_retention', 'hipaa'],
    }),
    offer('gpt-4o', 0.85, 500, { regions: ['us'], languages: ['en'], serviceLevels: ['zero_retention'] }),
    offer('gpt-4', 0.95, 900),
  ]),
])

function of(needs: RouteNeeds, configuration: Partial<ServiceConfiguration> = {}) {
  return plan(inputOf({ catalog: stated, request: request({ needs }), configuration: presets.balanced(configuration) }))
}

describe('a request', () => {
  it('that names a region is served by offers that state it, and by none that states nothing', () => {
    const outcome = of({ region: 'eu' })
    expect(order(outcome)).toEqual(['gpt-4o-mini'])
    expect(rejections(outcome)).toEqual({
      'gpt-4o': 'capability: its data is processed in us, not in eu',
      'gpt-4': 'capability: it does not say where its data is processed, and that must be eu',
    })
  })

  it('in a language is served by offers that know it, and by those that state none', () => {
    expect(order(of({ language: 'de-AT' }))).toEqual(['gpt-4o-mini', 'gpt-4'])
    expect(rejections(of({ language: 'de' }))['gpt-4o']).toBe('capability: it does not know the language de')
    expect(order(of({ language: 'DE' }))).toEqual(['gpt-4o-mini', 'gpt-4'])
  })

  it('in a language is not served by an offer whose language only begins like it', () => {
    const finnish = createCatalog([
      adapter('one', [offer('gpt-4o-mini', 0.6, 300, { languages: ['fi'] }), offer('gpt-4o', 0.85, 500)]),
    ])
    const speaking = (language: string) => order(planned({ catalog: finnish, request: request({ needs: { language } }) })).sort()
    expect(speaking('fi-FI')).toEqual(['gpt-4o', 'gpt-4o-mini'])
    expect(speaking('fil')).toEqual(['gpt-4o'])
  })

  it('that fills a context window to the last token fits in it', () => {
    expect(order(of({ contextTokens: 128_000 })).sort()).toEqual(['gpt-4', 'gpt-4o', 'gpt-4o-mini'])
    expect(order(of({ contextTokens: 128_001 }))).toEqual(['refused: capability'])
  })

  it('of a length is served by offers that take so many characters, and is told of the one that takes the most', () => {
    const speaking = createCatalog([
      adapter('one', [
        offer('gpt-4o-mini', 0.6, 300, { charactersMax: 100 }),
        offer('gpt-4o', 0.85, 500, { charactersMax: 300 }),
        offer('gpt-4', 0.95, 900, { charactersMax: 200 }),
      ]),
    ])
    const long = (characters: number) => plan(inputOf({ catalog: speaking, request: request({ needs: { characters } }) }))
    expect(order(long(100)).sort()).toEqual(['gpt-4', 'gpt-4o', 'gpt-4o-mini'])
    expect(order(long(101)).sort()).toEqual(['gpt-4', 'gpt-4o'])
    expect(long(301)).toMatchObject({
      status: 'refused',
      reason: 'capability',
      tooLong: { unit: 'characters', length: 301, most: 300 },
      message: 'too long for any provider of gpt: it has some 301 characters, and they take 300 at most',
    })
  })

  it('whose answer cannot be as long as it may be needs less of a context window', () => {
    const brief = createCatalog([
      adapter('one', [
        offer('gpt-4o-mini', 0.6, 300, { contextTokens: 1_000, outputTokensMax: 200 }),
        offer('gpt-4o', 0.85, 500, { contextTokens: 1_000 }),
      ]),
    ])
    const asked = (answerTokens: number, contextTokens: number) =>
      order(plan(inputOf({ catalog: brief, request: request({ needs: { answerTokens, contextTokens } }) }))).sort()
    expect(asked(500, 1_300)).toEqual(['gpt-4o-mini'])
    expect(asked(500, 1_301)).toEqual(['refused: capability'])
    expect(asked(100, 1_000)).toEqual(['gpt-4o', 'gpt-4o-mini'])
    expect(asked(100, 1_001)).toEqual(['refused: capability'])
  })

  it('that needs promises is served by operators that make them all', () => {
    const outcome = of({ serviceLevels: ['hipaa'] }, { serviceLevels: ['zero_retention'] })
    expect(order(outcome)).toEqual(['gpt-4o-mini'])
    expect(rejections(outcome)).toEqual({
      'gpt-4o': 'capability: its operator does not promise hipaa',
      'gpt-4': 'capability: its operator does not promise zero_retention',
    })
  })

  it('with a least quality is served by what reaches it, and is told what does not', () => {
    const outcome = of({ qualityMin: 0.8 }, { qualityMin: 0.9 })
    expect(order(outcome)).toEqual(['gpt-4'])
    expect(rejections(outcome)['gpt-4o']).toBe('capability: its quality is 0.85, below 0.9')
  })

  it('with a longest time goes by what was measured, of the answer or of the beginning of a stream', () => {
    const measured = health({ 'gpt-4o-mini': { answerMs: 4_000, firstEventMs: 350 } })
    const plain = plan(inputOf({ catalog: stated, health: measured, request: request({ needs: { latencyMsMax: 600 } }) }))
    expect(order(plain)).toEqual(['gpt-4o'])
    expect(rejections(plain)['gpt-4o-mini']).toBe('capability: it answers in 4000 ms, more than 600')
    const stream = { needs: { streaming: true, latencyMsMax: 400 } }
    const streamed = plan(inputOf({ catalog: stated, health: measured, request: request(stream) }))
    expect(order(streamed)).toEqual(['gpt-4o-mini'])
    expect(rejections(streamed)['gpt-4o']).toBe('capability: it begins in 500 ms, more than 400')
  })

  it('whose region is not that of the configuration needs both', () => {
    expect(order(of({ region: 'us' }, { dataRegion: 'eu' }))).toEqual(['gpt-4o-mini'])
    expect(of({ region: 'ch' }, { dataRegion: 'eu' })).toMatchObject({
      status: 'refused',
      reason: 'capability',
      message: expect.stringContaining('no provider can serve gpt: its data is processed in'),
    })
  })

  it('that names nothing is not held back by what offers leave unsaid', () => {
    expect(order(of({})).sort()).toEqual(['gpt-4', 'gpt-4o', 'gpt-4o-mini'])
    expect(planned().rejected).toEqual([])
  })

  it.each([
    ['chat', false, 'chat'],
    ['chat', true, 'streamChat'],
    ['see', false, 'chat'],
    ['see', true, 'streamChat'],
    ['speak', false, 'speak'],
    ['speak', true, 'streamSpeech'],
    ['transcribe', false, 'transcribe'],
    ['listen', true, 'streamTranscription'],
    ['converse', true, 'converse'],
    ['call', false, 'call'],
    ['embed', false, 'embed'],
  ] as const)('to %s (streaming: %s) goes to an adapter that has %s, and to no other', (operation, streaming, method) => {
    const none = () => Promise.reject(new Error('planning makes no calls'))
    const methods = {
      chat: none,
      streamChat: none,
      speak: none,
      streamSpeech: none,
      transcribe: none,
      streamTranscription: none,
      converse: none,
      call: none,
      embed: none,
    }
    const { [method]: _, ...others } = methods
    const catalog = createCatalog([
      { ...adapter('lacks it', [offer('gpt-4o-mini', 0.6, 300)]), chat: undefined, streamChat: undefined, ...others } as never,
      { ...adapter('has it', [offer('gpt-4o', 0.8, 300)]), chat: undefined, streamChat: undefined, [method]: none } as never,
    ])
    const outcome = plan(inputOf({ catalog, request: request({ operation, needs: { streaming } }) }))
    expect(order(outcome)).toEqual(['gpt-4o'])
    expect(rejections(outcome)['gpt-4o-mini']).toContain('cannot')
  })
})
