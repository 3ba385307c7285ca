import { z } from 'zod'

const DECIMAL = /^\d{1,18}(\.\d{1,18})?$/

/** A decimal without sign, exponent or spaces: `0.15`. */
export const amount = z.string().regex(DECIMAL, 'must be a plain decimal in quotes, such as "0.15"')

/** A decimal above 0. */
export const positive = z
  .string()
  .regex(/^(?=.*[1-9])\d{1,18}(\.\d{1,18})?$/, 'must be a plain decimal above 0 in quotes, such as "60"')

export const name = z.string().min(1, 'must not be empty').max(200, 'must have at most 200 characters')

/** A moment with a UTC offset: `2026-11-01T00:00:00Z`. */
export const instant = z.iso.datetime({ offset: true, error: 'must be a moment with its offset, such as "2026-11-01T00:00:00Z"' })

/** A day: `2026-11-01`. */
export const day = z.iso.date('must be a day, such as "2026-11-01"')

/** A time of day: `22:00`. */
export const timeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a time of day from "00:00" to "23:59"')

/** The prefix of a telephone number in E.164, without spaces: `+44` or `+1415`. */
export const phonePrefix = z.string().regex(/^\+\d{1,15}$/, 'must be the beginning of a number in E.164, such as "+44"')
