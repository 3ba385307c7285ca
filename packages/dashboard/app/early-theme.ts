import { applyTheme } from './state/apply-theme.ts'

// Before the page is painted, so that it never flashes in the other theme.
applyTheme()
