import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { measureText, textTokens } from './measure-text.ts'
import { encodingOf } from './token-encoding.ts'
import { countInPieces, loadTokenizers, type Tokenizers } from './tokenizer/index.ts'

let tokenizers: Tokenizers
beforeAll(async () => {
  tokenizers = await loadTokenizers()
})

describe('encodingOf', () => {
  it.each([
    ['gpt-4o-mini', 'o200k_base'],
    ['openai/gpt-4o-2024-08-06', 'o200k_base'],
    ['ft:gpt-4o-mini:acme', 'o200k_base'],
    ['gpt-4.1-nano', 'o200k_base'],
    ['gpt-5-mini', 'o200k_base'],
    ['o3', 'o200k_base'],
    ['gpt-4', 'cl100k_base'],
    ['gpt-4-0613', 'cl100k_base'],
    ['gpt-4-turbo', 'cl100k_base'],
    ['gpt-3.5-turbo', 'cl100k_base'],
    ['gpt-35-turbo-16k', 'cl100k_base'],
    ['text-embedding-3-small', 'cl100k_base'],
    ['claude-3-haiku', undefined],
    ['gpt-9', undefined],
    ['o3000', undefined],
  ])('%s: %s', (model, encoding) => {
    expect(encodingOf(model)).toBe(encoding)
  })
})

describe('a text in tokens', () => {
  it('is at most what is said, for every text and every public vocabulary', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 400 }),
      fc.string({ unit: 'grapheme', maxLength: 400 }),
      fc.string({ unit: fc.constantFrom('1', ' ', 'q', 'ꙮ', '\n', '<|endoftext|>'), maxLength: 200 }),
    )
    const { encode } = await import('gpt-tokenizer/encoding/cl100k_base')
    await fc.assert(
      fc.asyncProperty(text, async (said) => {
        const whole = encode(said, { disallowedSpecial: new Set() }).length
        const counted = textTokens(await measureText(said, tokenizers), 'gpt-4')
        const guessed = textTokens(await measureText(said), 'gpt-4')
        expect(counted.high).toBeGreaterThanOrEqual(whole)
        expect(guessed.high).toBeGreaterThanOrEqual(whole)
        for (const { low, expected, high } of [counted, guessed])
          expect([low, expected, high]).toEqual([low, expected, high].sort((a, b) => a - b))
      }),
      { numRuns: 150 },
    )
  })

  it('is counted as a whole would be, though it is counted in pieces', async () => {
    const { countTokens } = await import('gpt-tokenizer/encoding/o200k_base')
    const english = 'It was the best of times, it was the worst of times; and nobody had the right change. '.repeat(120)
    expect(await tokenizers.o200k_base?.(english)).toBe(countTokens(english))
  })

  it('is counted in pieces that a tokenizer can take, and never cuts a character in two', async () => {
    const pieces: string[] = []
    const count = countInPieces({
      countTokens(piece) {
        pieces.push(piece)
        return 1
      },
    })
    // Of more than what is counted in one turn, whose end is within a character.
    const long = `a${Array.from({ length: 40_000 }, (_, index) => String.fromCodePoint(0x1_0400 + index)).join('')}`
    expect(await count(long)).toBe(pieces.length)
    expect(pieces.join('')).toBe(long)
    expect(pieces.every((piece) => piece.length <= 256 && piece.isWellFormed())).toBe(true)
  })

  it('takes no longer for each piece because it is long and has no spaces', async () => {
    const count = countInPieces({ countTokens: ({ length }) => length })
    // Looked through from each piece back to its beginning, as it once was, it would take minutes.
    for (const letter of ['a', '字']) expect(await count(letter.repeat(8_000_000))).toBe(8_000_000)
  })

  it.each([
    [128, 256],
    [129, 129],
    [255, 255],
    [256, 256],
    [257, 256],
  ])('with a space at %i is cut at %i', (space, end) => {
    const pieces: string[] = []
    const count = countInPieces({ countTokens: (piece) => pieces.push(piece) })
    void count(`${'a'.repeat(space)} ${'b'.repeat(300 - space)}`)
    expect(pieces[0]).toHaveLength(end)
  })

  it('is not counted again where it only goes on', () => {
    let counted = 0
    const count = countInPieces({
      countTokens({ length }) {
        counted += length
        return length
      },
    })
    let said = ''
    for (let turn = 0; turn < 50; turn++) {
      said += `${turn}: It was the best of times, it was the worst of times, and nobody had the right change. `.repeat(3)
      expect(count(said)).toBe(said.length)
    }
    // The end of each turn is a piece of its own until the next one fills it.
    expect(counted).toBeLessThan(said.length * 2)
  })

  it('lets others have their turn while a long one is counted', async () => {
    let turns = 0
    const timer = setInterval(() => turns++, 0)
    const count = countInPieces({
      countTokens: () => {
        for (const until = performance.now() + 0.01; performance.now() < until; ) {}
        return 1
      },
    })
    await count(Array.from({ length: 70_000 }, (_, index) => `word${index} `).join(''))
    clearInterval(timer)
    expect(turns).toBeGreaterThan(0)
  })

  it('is at most never less than by four characters to a token, as some servers count', async () => {
    for (const said of ['a'.repeat(4_000), ' '.repeat(4_000), 'It was the best of times. '.repeat(100)]) {
      const { high } = textTokens(await measureText(said, tokenizers), 'gpt-4o')
      expect(high).toBeGreaterThanOrEqual(said.length / 4)
    }
  })

  it('is at most what a vocabulary makes of it that knows its script less well than the one that counted', async () => {
    const { o200k_base, cl100k_base } = tokenizers
    const free = [
      'يولد جميع الناس أحرارا متساوين في الكرامة والحقوق، وقد وهبوا عقلا وضميرا',
      'सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है',
      'પ્રતિષ્ઠા અને અધિકારોની દૃષ્ટિએ સર્વ માનવો જન્મથી સ્વતંત્ર અને સમાન હોય છે',
      'மனிதப் பிறிவியினர் சகலரும் சுதந்திரமாகவே பிறக்கின்றனர்',
      'ყველა ადამიანი იბადება თავისუფალი და თანასწორი თავისი ღირსებითა და უფლებებით',
      'လူတိုင်းသည် တူညီ လွတ်လပ်သော ဂုဏ်သိက္ခာဖြင့် လည်းကောင်း',
      'የሰው ልጅ ሁሉ ሲወለድ ነጻና በክብርና በመብትም እኩልነት ያለው ነው',
      'Все люди рождаются свободными и равными в своем достоинстве и правах',
      '人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心',
    ]
    for (const text of free) {
      const measure = await measureText(text, { ...(o200k_base && { o200k_base }) })
      const { high } = textTokens(measure, 'claude-haiku-5-5')
      expect(high, text).toBeGreaterThanOrEqual((await cl100k_base?.(text)) ?? Number.NaN)
      expect(high, text).toBeLessThanOrEqual(Buffer.byteLength(text))
    }
  })

  it('is nothing when it is empty', async () => {
    for (const model of ['gpt-4o', 'claude-3-haiku', undefined]) {
      expect(textTokens(await measureText('', tokenizers), model)).toEqual({ low: 0, expected: 0, high: 0 })
      expect(textTokens(await measureText(''), model)).toEqual({ low: 0, expected: 0, high: 0 })
    }
  })

  it('is measured in characters of English and bytes of the rest, and counted by the vocabularies that there are', async () => {
    const counters = { o200k_base: () => 7, cl100k_base: async () => 9 }
    const measured = { asciiCharacters: 6, otherBytes: 10, tokens: { o200k_base: 7, cl100k_base: 9 } }
    expect(await measureText('Grüße, 世界!', counters)).toEqual(measured)
    expect(await measureText('plain', { cl100k_base: counters.cl100k_base })).toEqual({
      asciiCharacters: 5,
      otherBytes: 0,
      tokens: { cl100k_base: 9 },
    })
    expect(await measureText('', counters)).toMatchObject({ asciiCharacters: 0, tokens: { o200k_base: 0, cl100k_base: 0 } })
  })

  it.each<[string, string | undefined, Parameters<typeof textTokens>[0], [number, number, number]]>([
    ['by its own vocabulary', 'gpt-4o', measureOf(100, 0, { o200k_base: 30, cl100k_base: 40 }), [30, 30, 31]],
    ['by another of its own', 'gpt-4', measureOf(100, 0, { o200k_base: 30, cl100k_base: 40 }), [40, 40, 41]],
    ['by the nearest, of another vendor', 'claude-3-haiku', measureOf(100, 0, { o200k_base: 30, cl100k_base: 40 }), [27, 35, 60]],
    ['by the nearest, of any model', undefined, measureOf(100, 0, { o200k_base: 30 }), [27, 35, 60]],
    ['by the only one there is', 'claude-3-haiku', measureOf(100, 0, { cl100k_base: 40 }), [36, 46, 80]],
    ['by its size, at most a token for each byte', 'gpt-4o', measureOf(100, 30, {}), [18, 35, 130]],
    ['never as less than by its size', 'gpt-4o', measureOf(400, 30, { o200k_base: 20 }), [20, 20, 110]],
    ['never as more than its bytes', 'claude-3-haiku', measureOf(10, 0, { o200k_base: 8 }), [8, 10, 10]],
  ])('is counted %s', (_, model, measured, [low, expected, high]) => {
    expect(textTokens(measured, model)).toEqual({ low, expected, high })
  })
})

function measureOf(asciiCharacters: number, otherBytes: number, tokens: Parameters<typeof textTokens>[0]['tokens']) {
  return { asciiCharacters, otherBytes, tokens }
}
