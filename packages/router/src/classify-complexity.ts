import type { ComplexityClassifier } from './complexity.ts'

export const complexityClassifier: ComplexityClassifier = {
  name: 'farebox-1',
  classify: () => ({ complexity: 'medium', score: 0, contributions: [] }),
}
