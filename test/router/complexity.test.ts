import { type ChatMessage, credits } from '@farebox/core'
import {
  type ComplexityClassifier,
  chatFeatures,
  complexityClassifier,
  explainRoute,
  plan,
  presets,
  type RouteRequest,
} from '@farebox/router'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inputOf, order, planned, request } from './plan-parts.ts'

const user = (content: string): ChatMessage[] => [{ role: 'user', content }]
const tool = { name: 'weather', parameters: {} }
const classify = (text: string, shape?: Parameters<typeof chatFeatures>[1]) =>
  complexityClassifier.classify(chatFeatures(user(text), shape))

describe('the classifier', () => {
  it('takes no longer for a number without an end, which states no length', () => {
    const lengthWords = (text: string) => chatFeatures(user(text)).lengthWords
    expect(['in 500 words', '1,000-word', '1,000,000 words'].map(lengthWords)).toEqual([1, 1, 1])
    expect(lengthWords(`${'1'.repeat(200)} words`)).toBe(0)
  })

  it.each([
    'hello',
    'What are your opening hours?',
    'Who wrote Hamlet?',
    'Translate "good morning" to Spanish',
    'Thanks, that is all',
  ])('takes %j for low', (text) => expect(classify(text)).toMatchObject({ complexity: 'low', guard: undefined }))

  it.each([
    ['tools', 'What is the weather?', { tools: [tool] }, 'it has tools'],
    ['code', 'What does this do? `foo()`; def bar(x): pass', {}, 'it has code'],
    ['mathematics', 'What is x^2 + 1?', {}, 'it has mathematics'],
    ['words of health', 'My chest hurts', {}, 'it touches health, law, money or danger'],
    ['words of law', 'Can my landlord take me to court?', {}, 'it touches health, law, money or danger'],
    ['words that ask for thought', 'Why is the sky blue?', {}, 'it asks for reasoning'],
    ['a long answer', 'Write an essay about the sea', {}, 'it asks for a long answer'],
    ['room for a long answer', 'What are your hours?', { outputTokensMax: 4_096 }, 'it asks for a long answer'],
    ['another language of the same letters', 'Me duele el pecho', {}, 'it is not in English'],
    ['letters of another language', 'Où est la gare', {}, 'it is not in English'],
    ['another writing system', 'What does 你好 mean?', {}, 'it uses several writing systems'],
    ['nothing', '', {}, 'nothing is asked'],
  ])('never takes %s for low', (_, text, shape, guard) => {
    expect(classify(text, shape)).toMatchObject({ complexity: 'medium', guard })
  })

  it('never takes an image for low, nor a long conversation', () => {
    const seen: ChatMessage[] = [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image', url: 'data:,' },
        ],
      },
    ]
    expect(complexityClassifier.classify(chatFeatures(seen)).complexity).toBe('medium')
    const long = [{ role: 'system' as const, content: 'x '.repeat(9_000) }, ...user('hello')]
    expect(complexityClassifier.classify(chatFeatures(long))).toMatchObject({ guard: 'the conversation is long' })
  })

  it('takes a long problem of many numbers for high', () => {
    const problem = 'A train of 120 tons leaves at 9:40 with 3 = x^2 + 4 and 17 stops of 2.5 minutes each. '.repeat(20)
    expect(classify(`${problem} Prove that it arrives by 12:00, and compute the delay step by step.`).complexity).toBe('high')
  })

  it('explains its score: the contributions and the bias are all of it', () => {
    const { score, contributions } = classify('Why do 3, 4 and 5 make 12?')
    const sum = contributions.reduce((total, { value, weight, contribution }) => {
      expect(contribution).toBeCloseTo(value * weight, 12)
      return total + contribution
    }, -2.78)
    expect(score).toBeCloseTo(sum, 12)
    expect(contributions.map(({ feature }) => feature)).toEqual(['questionTokens', 'numbers', 'turns', 'reasoningWords'])
  })

  it('never finds a request simpler for more of anything that it weighs', () => {
    const features = chatFeatures(user('What are your opening hours?'))
    const rank = { low: 0, medium: 1, high: 2 }
    const grown = fc.constantFrom(
      'tools',
      'images',
      'codeMarks',
      'mathMarks',
      'numbers',
      'questionTokens',
      'steps',
      'safetyWords',
    )
    fc.assert(
      fc.property(grown, fc.nat(500), fc.nat(500), (feature, count, more) => {
        // A question of no words is not the simplest of questions: nobody knows what is asked.
        fc.pre(feature !== 'questionTokens' || count > 0)
        const [less, greater] = [count, count + more].map((value) =>
          complexityClassifier.classify({ ...features, [feature]: value }),
        )
        expect(rank[greater?.complexity ?? 'low']).toBeGreaterThanOrEqual(rank[less?.complexity ?? 'high'])
      }),
    )
  })

  it('reads any text in time', () => {
    const texts = [
      '('.repeat(200_000),
      '1 '.repeat(100_000),
      'a = '.repeat(50_000),
      '$'.repeat(200_000),
      ' \n'.repeat(100_000),
      '\\a{'.repeat(60_000),
    ]
    // One that went over them again for each of their characters would outlast the test's time by far.
    for (const text of texts) expect(chatFeatures(user(text)).questionTokens).toBeGreaterThan(0)
  })
})

describe('a request of complexity auto', () => {
  const configuration = presets.premiumQuality({ costOptimization: true, complexity: 'auto' })
  const asking = (text: string, overrides: Partial<RouteRequest> = {}) =>
    request({ features: () => chatFeatures(user(text)), ...overrides })

  it('goes to the cheapest when it is simple and cost is optimized, and says why', () => {
    const route = planned({ configuration, request: asking('hello') })
    expect(order(route)[0]).toBe('gpt-4o-mini')
    expect(route).toMatchObject({
      strategy: 'lowest_cost',
      complexity: { complexity: 'low', by: 'classifier', classifier: 'farebox-1' },
    })
    expect(explainRoute(route)[1]).toMatch(
      /^complexity low by farebox-1: score -2\.\d\d \(questionTokens 0\.\d\d, turns 0\.10\)$/,
    )
  })

  it('stays with the configured model when it is not simple, or cost is not optimized', () => {
    expect(order(planned({ configuration, request: asking('Why is the sky blue?') }))[0]).toBe('gpt-4')
    const dear = presets.premiumQuality({ complexity: 'auto' })
    expect(order(planned({ configuration: dear, request: asking('hello') }))[0]).toBe('gpt-4')
  })

  it('may ask for it itself, whatever is configured, and is medium where nothing is known of it', () => {
    const low = presets.premiumQuality({ costOptimization: true })
    expect(planned({ configuration: low, request: asking('hello', { complexity: 'auto' }) }).complexity?.complexity).toBe('low')
    expect(planned({ configuration }).complexity).toEqual({ complexity: 'medium', by: 'default' })
  })

  it('takes the premium provider at high accuracy, however simple', () => {
    expect(
      order(
        planned({ configuration: presets.balanced({ complexity: 'auto' }), request: asking('hello', { accuracy: 'high' }) }),
      )[0],
    ).toBe('gpt-4')
  })

  it('over the limit or the balance finds the cheaper alternative', () => {
    const limited = presets.premiumQuality({ complexity: 'auto', maxCreditsPerRequest: credits(20) })
    expect(order(planned({ configuration: limited, request: asking('Why is the sky blue?') }))[0]).toBe('gpt-4o')
    expect(order(planned({ configuration, affordable: credits(3), request: asking('Why is the sky blue?') })).sort()).toEqual([
      'claude-3-haiku',
      'gpt-4o-mini',
    ])
  })

  it('in an emergency is never given to a cheaper model, but refused', () => {
    const emergency = presets.emergencyServices({ complexity: 'auto', costOptimization: true })
    expect(order(planned({ configuration: emergency, request: asking('hello') }))[0]).toBe('gpt-4o')
    expect(plan(inputOf({ configuration: emergency, request: asking('hello'), affordable: credits(3) }))).toMatchObject({
      status: 'refused',
      reason: 'insufficient_credits',
    })
  })

  it('is judged by the classifier that is given, and the text is not looked at where nobody asks', () => {
    const learned: ComplexityClassifier = {
      name: 'learned-1',
      classify: ({ turns }) => ({ complexity: turns > 5 ? 'high' : 'low', score: turns, contributions: [] }),
    }
    expect(planned({ configuration, classifier: learned, request: asking('Why?') })).toMatchObject({
      complexity: { complexity: 'low', classifier: 'learned-1', verdict: { score: 1 } },
    })
    const unread = () => {
      throw new Error('read')
    }
    expect(order(planned({ request: request({ features: unread }) }))).toHaveLength(5)
  })
})
