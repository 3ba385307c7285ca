import { expect, it } from 'vitest'
import { Turns } from './turns.ts'

it('work goes on after work that failed, and never overtakes what was asked for before it', async () => {
  const turns = new Turns()
  const done: string[] = []
  const gates = Array.from({ length: 3 }, () => Promise.withResolvers<void>())
  const take = (name: string, index: number) =>
    turns.take('a', async () => {
      await gates[index]?.promise
      done.push(name)
      if (name === 'first') throw new Error('first failed')
      return name
    })
  const first = take('first', 0)
  const second = take('second', 1)
  gates[0]?.resolve()
  await expect(first).rejects.toThrow('first failed')
  // Asked for when the first has ended and the second is still at work.
  const third = take('third', 2)
  gates[2]?.resolve()
  gates[1]?.resolve()
  expect(await Promise.all([second, third])).toEqual(['second', 'third'])
  expect(done).toEqual(['first', 'second', 'third'])
})
