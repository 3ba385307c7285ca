import { expect, test } from 'vitest'
import {
  ago,
  charged,
  credits,
  duration,
  exactly,
  instant,
  percent,
  providerName,
  serviceName,
  shortCredits,
  since,
  unitName,
  units,
} from '../../packages/dashboard/app/format.ts'
import { englishOf } from '../../packages/dashboard/app/locale.ts'
import { stackSeries } from '../../packages/dashboard/app/parts/stack-series.ts'
import { bucketsUpTo, rangeOf } from '../../packages/dashboard/app/state/ranges.ts'

test.each([
  [59.94, '59.9 s'],
  [59.97, '1 min 0 s'],
  [119.7, '2 min 0 s'],
  [200, '3 min 20 s'],
  [3_599.8, '1 h 0 min'],
  [7_190, '2 h 0 min'],
  [7_500, '2 h 5 min'],
])('%s seconds are %s: no minute has 60, and no hour', (seconds, text) => {
  expect(duration(seconds)).toBe(text)
})

test('a decimal is shown to its last digit, also where no number of JavaScript holds it', () => {
  expect(exactly('123456789012345.123456').replaceAll(/[^0-9.]/g, '')).toBe('123456789012345.123456')
  expect(exactly('-99999999999.000001').replaceAll(/[^0-9.]/g, '')).toBe('99999999999.000001')
})

test('an amount below zero has the same minus wherever it stands, as the statement has', () => {
  const below = [
    credits(-1234),
    shortCredits(-12_300),
    units(-0.5),
    units(-2_000),
    exactly(-0.25),
    exactly('-0.25'),
    percent(-0.5),
  ]
  expect([...below, exactly('-1234567890123456')].filter((text) => !/^−[^-]+$/.test(text))).toEqual([])
  expect(credits(-0.4)).toBe('0')
})

test('an instant says of which time zone it is', () => {
  expect(instant('2026-11-29T06:25:09Z')).toMatch(/UTC|GMT|[A-Z]{3,4}$/)
})

test('a service of a team keeps its name, whatever every object has under it', () => {
  expect(['gpt', 'constructor', 'toString', 'fax'].map(serviceName)).toEqual(['Chat', 'constructor', 'toString', 'fax'])
})

test('a provider of a series is named with what it did there, since the same one may do several things', () => {
  const names = ['gpt_gpt-4o', 'vision_gpt-4o', 'voice_stt_deepgram', 'fax_gpt_x', 'constructor_x'].map(providerName)
  expect(names).toEqual(['Chat: gpt-4o', 'Vision: gpt-4o', 'Transcription: deepgram', 'fax_gpt_x', 'constructor_x'])
})

test('one unit is a unit', () => {
  expect([unitName(1, 'tokens'), unitName('1', 'minutes'), unitName(0, 'images'), unitName('1.5', 'minutes')]).toEqual([
    'token',
    'minute',
    'images',
    'minutes',
  ])
})

test.each([
  [0, '0%'],
  [0.0001, '<1%'],
  [0.42, '42%'],
  [0.994, '99%'],
  [0.9999, '>99%'],
  [1, '100%'],
  [3.999, '400%'],
])('a share of %s is %s: of a budget in which something is left, not all is used', (share, text) => {
  expect(percent(share)).toBe(text)
})

test('the buckets of a chart go on up to an instant, and end where an answer has none', () => {
  const range = rangeOf('24h', Date.parse('2026-11-01T12:00:00Z'))
  const later = Date.parse('2026-11-01T14:59:00Z')
  expect(bucketsUpTo(range, later).slice(24)).toEqual([new Date('2026-11-01T13:00:00Z'), new Date('2026-11-01T14:00:00Z')])
  expect(bucketsUpTo(range, Number.NaN)).toEqual(range.buckets)
})

test('thousands of names are six and the others, and no credit of theirs is lost', () => {
  const start = new Date('2026-11-01T00:00:00Z')
  const entries = Array.from({ length: 3_000 }, (_, place) => ({
    starts_at: start.toISOString(),
    name: `user_${place}`,
    total_credits: 1_000_000_000 + place,
    usage_count: 1,
  }))
  const layers = stackSeries(entries, [start], String)
  expect(layers.map(({ name }) => name)).toEqual([
    ...[2_999, 2_998, 2_997, 2_996, 2_995, 2_994].map((place) => `user_${place}`),
    '2,994 others',
  ])
  const all = entries.reduce((sum, { total_credits }) => sum + total_credits, 0)
  expect(layers.reduce((sum, { total }) => sum + total, 0)).toBe(all)
})

test('two names that are shown alike stay two, and tell which is which', () => {
  const start = new Date('2026-11-01T00:00:00Z')
  const entries = [null, 'Chat', 'gpt', 'phone', 'All'].map((name, place) => ({
    starts_at: start.toISOString(),
    name,
    total_credits: 9 - place,
    usage_count: 1,
  }))
  const layers = stackSeries(entries, [start], (name) => (name === null ? 'All' : serviceName(name)))
  expect(layers.map(({ name, total }) => [name, total])).toEqual([
    ['All', 9],
    ['“Chat”', 8],
    ['Chat (gpt)', 7],
    ['Phone', 6],
    ['“All”', 5],
  ])
})

test('time is measured and not named after the calendar: what is 26 hours away may be the day after tomorrow', () => {
  const now = Date.parse('2026-11-29T22:00:00Z')
  const said = [26, -35, 0, -24 * 31, 0.5].map((hours) => ago(now + hours * 3_600_000, now))
  expect(said).toEqual(['in 1 day', '1 day ago', 'now', '1 mo. ago', 'in 30 min.'])
})

test('dates are in English, as the words around them are, and in the order of the reader’s region', () => {
  expect(['ar-EG', 'de', 'en-IN', 'en', 'zh-Hant-TW', 'fa-IR-u-ca-persian'].map(englishOf)).toEqual([
    'en-EG',
    'en-DE',
    'en-IN',
    'en',
    'en-TW',
    'en-IR',
  ])
})

test('what has happened is never ahead, however late a clock is', () => {
  expect([since(5_000, 0), since(0, 5_000), since(0, 120_000)]).toEqual(['now', ago(0, 5_000), ago(0, 120_000)])
})

test('a sum of charges is rounded up once, without what floats add, and nothing is never less than nothing', () => {
  const tenths = Array.from({ length: 10 }, () => 0.1).reduce((sum, each) => sum + each, 0)
  expect([0, 0.000001, tenths, 0.1 + 0.2 + 2.7, 10, -0.3, -1.5, 1_000_000_000_001].map(charged)).toEqual([
    0, 1, 1, 3, 10, 0, -1, 1_000_000_000_001,
  ])
})

test('less than one of a unit is not none of it', () => {
  expect([0, 0.004, 0.5, 2.25, 12_345.678].map(units)).toEqual(['0', '0.004', '0.5', '2.25', '12,346'])
})
