/** The services that Farebox knows by name. A team may register others under any lower-case name. */
export const services = ['phone', 'gpt', 'voice_stt', 'voice_tts', 'vision', 'realtime', 'embedding'] as const

/** The wire name of a service that Farebox knows. */
export type KnownService = (typeof services)[number]

/** The wire name of a service: one that Farebox knows, or a team's own. */
export type Service = KnownService | (string & {})

const SERVICE_NAME = /^[a-z][a-z0-9_]{0,62}$/

/** Whether `name` can name a service: at most 63 lower-case letters, digits and underscores, beginning with a letter. */
export function isServiceName(name: string): boolean {
  return SERVICE_NAME.test(name)
}

/** The name of a service and provider pair in breakdowns: `phone_twilio`, `gpt_gpt-4o-mini`. */
export function breakdownName(service: Service, provider: string): string {
  return `${service}_${provider}`
}
