import { expect, it } from 'vitest'
import { encodeMulaw } from './mulaw.ts'

it('codes silence, the loudest and the quietest samples as G.711 does, and both signs alike', () => {
  expect([...encodeMulaw(Float32Array.of(0, 1, -1, 0.5, -0.5, 0.001))]).toEqual([0xff, 0x80, 0x00, 0x8f, 0x0f, 0xfb])
})
