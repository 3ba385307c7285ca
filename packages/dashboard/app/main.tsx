import { render } from 'preact'
import { App } from './app.tsx'
import { followAccounts } from './state/account-link.ts'
import { followAddresses } from './state/route.ts'

followAddresses()
followAccounts()
const root = document.querySelector('#app')
if (root) render(<App />, root)
