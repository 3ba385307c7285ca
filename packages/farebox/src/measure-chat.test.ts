import { expect, it } from 'vitest'
import { measureChat } from './measure-chat.ts'

it('many images are read in turns, so that others are served meanwhile', async () => {
  const url = 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAIAAAADCAYAAAAfFcSJ'
  const content = Array.from({ length: 2_000 }, () => ({ type: 'image' as const, url }))
  let turns = 0
  let isOver = false
  const others = () => {
    turns += 1
    if (!isOver) setImmediate(others)
  }
  setImmediate(others)
  const { images } = await measureChat({ messages: [{ role: 'user', content }] }, [])
  isOver = true
  expect(images).toEqual(content.map(() => ({ width: 2, height: 3 })))
  expect(turns).toBeGreaterThanOrEqual(20)
})
