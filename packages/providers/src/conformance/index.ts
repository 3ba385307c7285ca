export { exerciseProviderAdapter } from './exercise-provider-adapter.ts'
export type { Arranged, ConformanceOptions, Method, ProviderUnderTest, Situation } from './provider-under-test.ts'
