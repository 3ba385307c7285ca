/** The services that Farebox knows by name. A team may register others: any lower-case name is a service. */
export const services = ['phone', 'gpt', 'voice_stt', 'voice_tts', 'vision', 'realtime', 'embedding'] as const

/** A service by its wire name. */
export type KnownService = (typeof services)[number]

/** A service by its wire name, ours or a team's own. */
export type Service = KnownService | (string & {})

const SERVICE_NAME = /^[a-z][a-z0-9_]{0,62}$/

/** Whether `name` can name a service: lower-case letters, digits and underscores, at most 63, beginning with a letter. */
export function isServiceName(name: string): boolean {
  return SERVICE_NAME.test(name)
}

/** How a breakdown names a pair of service and provider: `phone_twilio`, `gpt_gpt-4o-mini`. */
export function breakdownName(service: Service, provider: string): string {
  return `${service}_${provider}`
}
