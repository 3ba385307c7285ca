import { z } from 'zod'

// Fields that answers have in common.

export const credits = z.number().int().describe('Whole credits')
export const decimal = z.string().describe('Credits, as an exact decimal')
export const fraction = decimal.optional().describe('Credits, as an exact decimal. Absent where the whole credits are exact')
export const time = z.string().describe('RFC 3339 time, UTC')
export const timeOrNever = time.nullable()
