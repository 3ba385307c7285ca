import { credits } from '@farebox/core'
import { describe, expect, test } from 'vitest'
import { START } from '../testing/memory-rows.ts'
import { OneAccount, rated } from '../testing/one-account.ts'

describe('a chargeback', () => {
  test('takes back what is left and turns what was spent into debt; holds go on, and are owed when they are settled', () => {
    const ledger = new OneAccount(100)
    ledger.do('charge', { usageId: 'u', usage: rated(30) })
    ledger.do('placeHold', { holdId: 'h', amount: credits(20) })
    ledger.do('grant', { grantId: 'other', amount: credits(10) })
    ledger.do('placeHold', { holdId: 'i', amount: credits(55) })
    expect(ledger.hold('i').lots).toEqual([
      { grantId: 'first', amount: credits(50) },
      { grantId: 'other', amount: credits(5) },
    ])
    expect(ledger.do('chargeback', { grantId: 'first' })).toEqual({
      status: 'charged_back',
      grantId: 'first',
      recovered: credits(70),
      held: credits(70),
      owed: credits(30),
      balance: credits(-20),
      replayed: false,
    })
    expect(ledger.entry.postings).toEqual([
      ['available', -credits(100)],
      ['charged_back', credits(100)],
    ])
    expect(ledger.grant('first')).toMatchObject({
      state: 'charged_back',
      remaining: credits(0),
      pinned: credits(0),
      gone: credits(70),
    })
    expect(ledger.account).toMatchObject({ posted: credits(-20), debt: credits(30), creditHeld: credits(70), held: credits(75) })
    expect(ledger.hold('h').lots).toEqual([{ grantId: '', amount: credits(20) }])
    expect(ledger.hold('i').lots).toEqual([
      { grantId: '', amount: credits(50) },
      { grantId: 'other', amount: credits(5) },
    ])
    ledger.do('settleHold', { holdId: 'h', usageId: 'h', usage: rated(5) })
    expect(ledger.account).toMatchObject({ posted: credits(-25), debt: credits(35), creditHeld: credits(50) })
    expect(ledger.verify()).toEqual([])
  })

  test('done again takes nothing more, and of a grant that is unknown fails', () => {
    const ledger = new OneAccount(100)
    ledger.do('charge', { usageId: 'u', usage: rated(30) })
    ledger.do('chargeback', { grantId: 'first' })
    expect(ledger.do('chargeback', { grantId: 'first' })).toMatchObject({
      recovered: credits(0),
      held: credits(0),
      owed: credits(0),
      balance: credits(-30),
    })
    expect(ledger.entry.postings).toEqual([])
    expect(ledger.do('chargeback', { grantId: 'nobody' })).toEqual({ status: 'failed', code: 'GRANT_NOT_FOUND', id: 'nobody' })
  })

  test('of a grant that is pending touches no balance', () => {
    const ledger = new OneAccount(5)
    ledger.do('grant', { grantId: 'g', amount: credits(40), effectiveAt: START + 100 })
    expect(ledger.do('chargeback', { grantId: 'g' })).toMatchObject({
      recovered: credits(40),
      owed: credits(0),
      balance: credits(5),
    })
    expect(ledger.entry.postings).toEqual([
      ['pending', -credits(40)],
      ['charged_back', credits(40)],
    ])
    ledger.wait(100)
    expect(ledger.account).toMatchObject({ posted: credits(5), debt: credits(0) })
  })

  test('of one that expired owes what was spent of it, and takes what was carried over', () => {
    const ledger = new OneAccount()
    const rollover = { max: credits(50), times: 2, ttlMs: 1_000 }
    ledger.do('grant', { grantId: 'g', amount: credits(100), expiresAt: START + 100, rollover })
    ledger.do('charge', { usageId: 'u', usage: rated(30) })
    ledger.wait(100)
    ledger.do('charge', { usageId: 'v', usage: rated(10) })
    // Seventy were left, of which fifty were carried over, and ten of those spent.
    expect(ledger.do('chargeback', { grantId: 'g' })).toMatchObject({
      recovered: credits(40),
      owed: credits(40),
      held: credits(0),
      balance: credits(-40),
    })
    expect(ledger.grant('g').state).toBe('charged_back')
    expect(ledger.grant('rollover:g')).toMatchObject({ state: 'charged_back', gone: credits(40), remaining: credits(0) })
    expect(ledger.account).toMatchObject({ posted: credits(-40), debt: credits(40) })
    expect(ledger.do('chargeback', { grantId: 'g' })).toMatchObject({ recovered: credits(0), owed: credits(0) })
    expect(ledger.verify()).toEqual([])
  })

  test('owes all that was spent of what was carried over too, though nothing is left of it', () => {
    const ledger = new OneAccount()
    const rollover = { max: credits(50), times: 2, ttlMs: 1_000 }
    ledger.do('grant', { grantId: 'g', amount: credits(100), expiresAt: START + 100, rollover })
    ledger.do('charge', { usageId: 'u', usage: rated(30) })
    ledger.wait(100)
    ledger.do('charge', { usageId: 'v', usage: rated(50) })
    expect(ledger.grant('rollover:g').state).toBe('spent')
    expect(ledger.do('chargeback', { grantId: 'g' })).toMatchObject({
      recovered: credits(0),
      owed: credits(80),
      balance: credits(-80),
    })
    expect(ledger.grant('rollover:g').state).toBe('charged_back')
    expect(ledger.verify()).toEqual([])
  })

  test('reaches what holds had of an expired grant, of which nothing was carried over', () => {
    const ledger = new OneAccount()
    ledger.do('grant', { grantId: 'g', amount: credits(10), expiresAt: START + 100, rollover: { max: null, times: 1 } })
    ledger.do('placeHold', { holdId: 'h', amount: credits(10), ttlMs: 90_000 })
    ledger.wait(100)
    expect(ledger.do('chargeback', { grantId: 'g' })).toMatchObject({
      recovered: credits(10),
      held: credits(10),
      owed: credits(0),
      balance: credits(0),
    })
    expect(ledger.account).toMatchObject({ posted: credits(0), creditHeld: credits(10), held: credits(10) })
    ledger.do('releaseHold', { holdId: 'h' })
    expect(ledger.account).toMatchObject({ posted: credits(0), creditHeld: credits(0), held: credits(0) })
    expect(ledger.verify()).toEqual([])
  })

  test('of a grant whose part holds gave back when it had expired goes no further than what is gone', () => {
    const ledger = new OneAccount()
    ledger.do('grant', { grantId: 'g', amount: credits(10), expiresAt: START + 100, rollover: { max: null, times: 1 } })
    ledger.do('placeHold', { holdId: 'h', amount: credits(10), ttlMs: 90_000 })
    ledger.wait(100)
    ledger.do('releaseHold', { holdId: 'h' })
    expect(ledger.grant('g')).toMatchObject({ gone: credits(10), remaining: credits(0) })
    expect(ledger.do('chargeback', { grantId: 'g' })).toMatchObject({ recovered: credits(0), owed: credits(0) })
  })

  test('is repaid by the next grant, but not by one for some services, and a refund takes it off', () => {
    const ledger = new OneAccount(100)
    ledger.do('charge', { usageId: 'u', usage: rated(30) })
    ledger.do('chargeback', { grantId: 'first' })
    expect(ledger.do('grant', { grantId: 'gpt', amount: credits(10), services: ['gpt'] })).toMatchObject({ repaid: credits(0) })
    expect(ledger.account).toMatchObject({ posted: credits(-20), debt: credits(30) })
    expect(ledger.do('placeHold', { holdId: 'h', amount: credits(1) })).toMatchObject({ available: credits(0) })
    ledger.do('refund', { usageId: 'u', correctionId: 'r', amount: credits(12) })
    expect(ledger.account).toMatchObject({ posted: credits(-8), debt: credits(18) })
    expect(ledger.do('grant', { grantId: 'g', amount: credits(18) })).toMatchObject({
      repaid: credits(18),
      available: credits(10),
    })
    expect(ledger.grant('g').state).toBe('spent')
    expect(ledger.entry.postings).toEqual([
      ['granted', -credits(18)],
      ['available', credits(18)],
    ])
    expect(ledger.verify()).toEqual([])
  })
})
