/** placeholder */
export interface ChatFeatures {
  tokens: number
}
