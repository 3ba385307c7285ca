import type { CreditAmount, ServiceType } from './basics.ts'
import type { Budget } from './budgets.ts'

/** The account's own keys, with what each may spend. */
export interface OwnKeys {
  keys: (KeySummary & { budgets: Budget[] })[]
}

/** The services that a key may use from now on. */
export interface KeyServicesRequest {
  services: KeyServiceRequest[]
}

/** A service that a key may use: by name, or with conditions. */
export type KeyServiceRequest =
  | ServiceType
  | {
      service_type: ServiceType
      /** @defaultValue every provider */
      provider?: string
      /** @defaultValue true */
      enabled?: boolean
      /** @defaultValue no limit */
      cost_limit_per_request?: CreditAmount
    }

/** An API key to create for an account. */
export interface CreateKeyRequest {
  account_id: string
  name?: string
  user_id?: string
  /** @defaultValue every service */
  services?: KeyServiceRequest[]
  /** @defaultValue never */
  expires_at?: string
}

/** The key that was created. */
export interface CreatedKey {
  /**
   * The key itself, which is shown only once. Absent if the first answer was lost and this is a repeat of it: nobody knows the key
   * then, so revoke it.
   */
  key?: string
  /** Identifies the key from now on. */
  prefix: string
}

/** How to rotate a key. */
export interface RotateKeyRequest {
  /** How many seconds the previous secret stays valid: 0 if it has leaked. @defaultValue 86_400 (24 hours) */
  grace_seconds?: number
}

/** The key with its new secret. */
export interface RotatedKey {
  /** The key itself, which is shown only once. Absent if the first answer was lost and this is a repeat of it: rotate once more. */
  key?: string
  /** Identifies the key from now on. Its earlier prefixes still identify it too. */
  prefix: string
  previous_prefix: string
  /** When the previous secret expires. */
  previous_expires_at: string
}

/** The keys of an account. */
export interface AccountKeys {
  keys: KeySummary[]
}

/** A key without its secret. */
export interface KeySummary {
  prefix: string
  name: string
  user_id: string | null
  /** Empty: every service. */
  services: KeyService[]
  created_at: string
  /** `null`: never. */
  expires_at: string | null
  revoked_at: string | null
  /** When the key was last used, or up to a minute before; `null`: never used. */
  last_used_at: string | null
  /** The prefix of the secret that the last rotation replaced. */
  previous_prefix: string | null
  previous_expires_at: string | null
}

/** The services that a key may use. */
export interface KeyServices {
  prefix: string
  services: KeyService[]
}

/** What a key may do with one service. */
export interface KeyService {
  id: string
  service_type: ServiceType
  /** `null`: every provider. */
  provider: string | null
  enabled: boolean
  /** Whole credits, rounded down. `null`: no limit. */
  cost_limit_per_request: number | null
  /** The limit in credits, as an exact decimal string. */
  cost_limit_per_request_exact: string | null
}

/** The key that was revoked. */
export interface RevokedKey {
  prefix: string
  revoked: true
}
