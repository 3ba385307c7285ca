import { render } from 'preact'
import { App } from './app.tsx'
import { followAddresses } from './state/route.ts'

followAddresses()
const root = document.querySelector('#app')
if (root) render(<App />, root)
