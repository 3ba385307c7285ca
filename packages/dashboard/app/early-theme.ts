import { applyTheme } from './state/apply-theme.ts'

// Runs before the first paint, so that the page never flashes in the wrong theme.
applyTheme()
