import { isDeepStrictEqual } from 'node:util'
import { runBatch } from '../../packages/ledger/src/machine/batch.ts'
import type { Operation, Outcome } from '../../packages/ledger/src/operations.ts'
import type { AccountRow } from '../../packages/ledger/src/rows.ts'
import { DUE_AT_ONCE } from '../../packages/ledger/src/tables.ts'
import { Choices } from '../model/choices.ts'
import { randomAccount, randomOperation, randomWait } from '../model/random-operation.ts'
import { ReferenceLedger } from '../model/reference-ledger.ts'
import { Client, isSameAnswer } from './client.ts'
import { Invariants, must } from './invariants.ts'
import { isolations, MemoryDatabase } from './memory-database.ts'
import { type Answer, Network, type Question } from './network.ts'
import { type Committed, Server } from './server.ts'

const START = Date.UTC(2026, 6, 15, 12, 0, 30)
const ACCOUNTS = 3
const CLIENTS = 6
const SERVERS = 3
const TEN_YEARS = 3_650 * 86_400_000
/** Far more than any wish takes. */
const TURNS_PER_OPERATION = 1_000

export interface WorldOptions {
  seed: number
  /** Things that clients want in all. */
  operations: number
  /** The machine under test. @defaultValue ours */
  run?: typeof runBatch
  /** Lets a test break the database. */
  sabotage?: (database: MemoryDatabase, choices: Choices) => void
  /** Is told what happens, step by step. */
  trace?: (event: string) => void
}

/** What happened in a world, by name. */
export type Tally = Record<string, number>

/**
 * A world in which everything goes wrong that can: clients that ask again, messages that are lost or come twice, servers that crash
 * between any two steps, commits whose answer nobody hears, a clock that is set back. All of it follows from the seed. After
 * every commit the rows must be sound, and every answer must be the one of a ledger that does one thing after another.
 */
export class World {
  readonly tally: Tally = {}
  readonly #choices: Choices
  readonly #options: WorldOptions
  readonly #database: MemoryDatabase
  readonly #reference = new ReferenceLedger()
  readonly #invariants: Invariants
  readonly #servers: Server[]
  readonly #clients = Array.from({ length: CLIENTS }, () => new Client())
  readonly #network = new Network()
  readonly #asked: Operation[] = []
  #now = START
  #step = 0
  #isCalm = false
  /** The accounts of which only a part of what was due has happened. */
  readonly #inParts = new Set<string>()

  constructor(options: WorldOptions) {
    this.#options = options
    this.#choices = Choices.fromSeed(options.seed)
    this.#database = new MemoryDatabase(this.#choices.oneOf(isolations), this.#choices.oneOf([1, 2, DUE_AT_ONCE]))
    this.#servers = Array.from({ length: SERVERS }, () => new Server(this.#database, options.run ?? runBatch))
    this.#invariants = new Invariants(this.#database.storage, this.#reference)
    options.sabotage?.(this.#database, this.#choices)
  }

  /**
   * Lives through all of it.
   *
   * @throws {WorldError} something was not as it must be, at a step that the seed leads to again
   */
  live(): void {
    try {
      const { operations } = this.#options
      while (this.#asked.length < operations) {
        must(this.#step < operations * TURNS_PER_OPERATION, 'clients wait for ever')
        this.#turn()
      }
      this.#comeToRest()
      this.#askAllAgain()
      this.#letTenYearsPass()
    } catch (error) {
      throw new WorldError(this.#options.seed, this.#step, error)
    }
  }

  #turn(): void {
    this.#step++
    const roll = this.#choices.below(100)
    if (roll < 20) this.#clientActs(this.#choices.below(CLIENTS))
    else if (roll < 48) this.#deliver()
    else if (roll < 96 || this.#isCalm) this.#serverActs(this.#choices.oneOf(this.#servers))
    else if (roll < 99) this.#clockMoves()
    else this.#crash(this.#choices.oneOf(this.#servers))
  }

  #clientActs(index: number): void {
    const client = this.#clients[index] as Client
    const { wanted } = client
    if (wanted) {
      // It has waited for long, and does not know whether the question was lost, or the answer, or neither.
      if (wanted.idempotencyKey === null) client.giveUp()
      else if (this.#choices.happens(this.#isCalm ? 100 : 25)) this.#send({ client: index, operation: wanted }, 'asked again')
      return
    }
    if (this.#isCalm) return
    const operation = this.#nextOperation()
    this.#asked.push(operation)
    client.want(operation)
    this.#send({ client: index, operation }, 'operations')
    // Networks and browsers deliver twice what may be sent twice.
    if (operation.idempotencyKey !== null && this.#choices.happens(5)) this.#send({ client: index, operation }, 'delivered twice')
  }

  #nextOperation(): Operation {
    const opened = this.#reference.accounts.size
    const isToOpen = opened === 0 || (opened < ACCOUNTS && this.#choices.happens(10))
    if (isToOpen) return randomAccount(this.#choices, `world-${this.#choices.below(ACCOUNTS)}`)
    const operation = randomOperation(this.#choices, this.#reference, this.#asked.length, this.#now, this.#asked.slice(-40))
    return operation.idempotencyKey !== null && this.#choices.happens(1) ? this.#withKeyOfHold(operation) : operation
  }

  /** Somebody uses for something else the key that a hold will be settled under. */
  #withKeyOfHold(operation: Operation): Operation {
    const [hold] = this.#reference.accounts.get(operation.accountId)?.holds.slice(-1) ?? []
    return hold ? { ...operation, idempotencyKey: `usage:${hold.holdId}` } : operation
  }

  #send(question: Question, how: string): void {
    this.#count(how)
    if (!this.#isCalm && this.#choices.happens(2)) this.#count('questions lost')
    else this.#network.questions.push(question)
  }

  /** Any message that is on its way arrives next. */
  #deliver(): void {
    const { questions, answers } = this.#network
    const at = this.#choices.below(Math.max(questions.length + answers.length, 1))
    const [question] = at < questions.length ? questions.splice(at, 1) : []
    if (question) this.#choices.oneOf(this.#servers).queue.push(question)
    const [answer] = question ? [] : answers.splice(at - questions.length, 1)
    if (answer) this.#hear(answer)
  }

  #hear(answer: Answer): void {
    if (!this.#isCalm && this.#choices.happens(3)) this.#count('answers lost')
    else if (this.#clients[answer.client]?.hear(answer)) this.#send(answer, 'asked again')
  }

  #serverActs(server: Server): void {
    if (!server.isCommitting) {
      server.begin(this.#choices.between(1, 6))
      if (!server.advance(this.#now) && !server.isIdle) this.#count('waits for a lock')
      return
    }
    const roll = this.#isCalm ? 50 : this.#choices.below(100)
    const fate = roll < 3 ? 'fails before' : roll < 7 ? 'fails after' : 'well'
    let isPart = false
    const replies = server.commit(fate, (batch) => {
      isPart = batch.result.outcomes === undefined
      this.#committed(batch)
    })
    if (fate !== 'well') this.#count(`commits: ${fate}`)
    else if (isPart) this.#count('commits: a part of what was due')
    else if (replies.length === 0) this.#count('commits: lost a race')
    for (const [question, reply] of replies) this.#network.answers.push({ ...question, reply })
  }

  /** What is durable now is what the reference does now. */
  #committed({ questions, result, now }: Committed): void {
    this.#count('commits')
    const { outcomes, changes } = result
    if (!outcomes) {
      // The reference knows no parts. Nobody sees the account before the rest is done.
      for (const { accountId } of changes.accounts) {
        this.#advanceReference(accountId, now)
        this.#inParts.add(accountId)
      }
      this.#tellTimes(changes.accounts)
      this.#invariants.afterCommit(changes, { isPart: true })
      return
    }
    for (const [index, { operation }] of questions.entries()) {
      const expected = this.#reference.do(operation, now)
      const outcome = outcomes[index]
      this.#options.trace?.(`${this.#step}: ${told(operation)} → ${told(outcome)}`)
      const isUnnoticed = keyWentUnnoticed(operation, outcome, expected)
      // It was taken for something new, so what was due happened.
      if (isUnnoticed) this.#advanceReference(operation.accountId, now)
      must(
        isDeepStrictEqual(outcome, expected) || isUnnoticed || isPrefixRace(outcome, expected),
        () => `${told(operation)} was answered ${told(outcome)} where it should be ${told(expected)}`,
      )
      this.#count(kindOf(expected))
    }
    this.#tellTimes(changes.accounts)
    for (const { accountId } of changes.accounts) this.#inParts.delete(accountId)
    this.#invariants.afterCommit(changes)
    if (this.#choices.happens(1)) this.#verifyAll()
  }

  /** Each part may happen later than the one before, when nothing is left for the reference to do. */
  #tellTimes(accounts: readonly AccountRow[]): void {
    for (const { accountId, updatedAt } of accounts) {
      const account = this.#reference.accounts.get(accountId)
      if (account && this.#inParts.has(accountId)) account.changedAt = updatedAt
    }
  }

  #advanceReference(accountId: string, now: number): void {
    this.#reference.do({ verb: 'advance', accountId, idempotencyKey: null, input: {} }, now)
  }

  #verifyAll(): void {
    this.#invariants.afterAll()
    this.#count('full verifications')
  }

  #clockMoves(): void {
    const wait = randomWait(this.#choices)
    this.#now += wait
    if (wait < 0) this.#count('clock set back')
  }

  #crash(server: Server): void {
    this.#options.trace?.(`${this.#step}: a server crashes`)
    this.#count(server.isCommitting ? 'crashes at a commit' : 'crashes')
    // Killed while it waits for the database's word: the commit may have gone through.
    if (server.isCommitting && this.#choices.happens(50)) server.commit('fails after', (batch) => this.#committed(batch))
    server.crash()
  }

  /** No more faults, no more wishes: everybody gets an answer. */
  #comeToRest(): void {
    this.#isCalm = true
    const isAtRest = () =>
      this.#network.isQuiet && this.#servers.every(({ isIdle }) => isIdle) && this.#clients.every(({ wanted }) => !wanted)
    for (let turns = 0; !isAtRest(); turns++) {
      must(turns < 100_000, 'clients wait for ever')
      this.#turn()
    }
    this.#verifyAll()
  }

  /** Whatever was acknowledged is there, and asking for it again changes nothing and is answered the same. */
  #askAllAgain(): void {
    const { storage } = this.#database
    for (const { operation, outcome } of this.#clients.flatMap(({ acknowledged }) => acknowledged)) {
      const before = storage.version(operation.accountId)
      const again = this.#askAlone(operation)
      must(
        isSameAnswer(again, outcome) && 'replayed' in again && again.replayed,
        () => `${told(operation)} is answered anew: ${told(again)}`,
      )
      must(storage.version(operation.accountId) === before, () => `${told(operation)} changed something when it was asked again`)
      this.#count('acknowledged, and asked again')
    }
  }

  /** Every hold that nobody came back for is given back. */
  #letTenYearsPass(): void {
    this.#now += TEN_YEARS
    for (const { accountId } of this.#database.storage.all('accounts')) {
      this.#askAlone({ verb: 'advance', accountId, idempotencyKey: null, input: {} })
    }
    for (const account of this.#database.storage.all('accounts'))
      must(account.held === 0n, `${account.accountId} never got its holds back`)
    this.#verifyAll()
  }

  #askAlone(operation: Operation): Outcome {
    const [server] = this.#servers as [Server]
    server.queue.push({ client: 0, operation })
    server.begin(1)
    for (;;) {
      while (!server.isCommitting) server.advance(this.#now)
      const [answer] = server.commit('well', (batch) => this.#committed(batch))
      if (!answer) continue
      const [, reply] = answer
      must('outcome' in reply, 'a lone question has an answer')
      return reply.outcome
    }
  }

  #count(name: string): void {
    this.tally[name] = (this.tally[name] ?? 0) + 1
  }
}

/** A world in which something was not as it must be. */
export class WorldError extends Error {
  readonly seed: number
  readonly step: number

  constructor(seed: number, step: number, cause: unknown) {
    super(`seed ${seed}, step ${step}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    this.seed = seed
    this.step = step
  }
}

/**
 * Prefixes of API keys are all that accounts share, and nobody locks them: one that is taken meanwhile stops the commit of a new key, and
 * not a refusal for another reason.
 */
function isPrefixRace(outcome: Outcome | undefined, expected: Outcome): boolean {
  const isTaken = expected.status === 'failed' && expected.code === 'ALREADY_EXISTS' && expected.what === 'API key prefix'
  return isTaken && outcome?.status === 'refused'
}

/** A settlement of a whole hold does not look for its key before it must: where it is refused anyway, that the key is taken goes unnoticed. */
function keyWentUnnoticed({ verb, input }: Operation, outcome: Outcome | undefined, expected: Outcome): boolean {
  if (isDeepStrictEqual(outcome, expected)) return false
  const isWhole = verb === 'settleHold' && input.usageId === input.holdId
  return isWhole && expected.status === 'failed' && (outcome?.status === 'refused' || outcome?.status === 'failed')
}

function kindOf(outcome: Outcome): string {
  if (outcome.status === 'failed')
    return `answers: ${outcome.code === 'IDEMPOTENCY_CONFLICT' ? 'idempotency conflict' : 'failed'}`
  if (outcome.status === 'refused') return 'answers: refused'
  return outcome.replayed ? 'answers: replayed' : 'answers: done'
}

function told(value: unknown): string {
  return JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? `${each}n` : each))
}
