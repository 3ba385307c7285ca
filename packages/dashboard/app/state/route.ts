import { computed, signal } from '@preact/signals'

const base = new URL(document.baseURI).pathname

const address = signal(here())

/** The current view, with the id and the query of its address. */
export const route = computed(() => {
  const url = new URL(address.value, document.baseURI)
  const segments = url.pathname.slice(base.length).split('/').filter(Boolean).map(decodeSegment)
  return { view: segments[0] ?? '', id: segments[1], query: url.searchParams }
})

/** The address of a view, beneath wherever the page is mounted: `/dashboard/workflows/w_1`. */
export function addressOf(view: string, id?: string): string {
  return `${base}${view}${id === undefined ? '' : `/${encodeURIComponent(id)}`}`
}

/** Changes parameters in the query of the address, and nothing else. An empty value removes its parameter. */
export function setQuery(changes: Readonly<Record<string, string | undefined>>): void {
  const url = new URL(location.href)
  for (const [name, value] of Object.entries(changes)) {
    if (value) url.searchParams.set(name, value)
    else url.searchParams.delete(name)
  }
  history.replaceState(history.state, '', url)
  address.value = here()
}

/** Navigates to an address of the dashboard without reloading the page. */
export function go(to: string): void {
  // As a browser does: a link to where one is already adds no step back.
  if (new URL(to, document.baseURI).href === location.href) history.replaceState(history.state, '', to)
  else history.pushState({ from: here() }, '', to)
  address.value = here()
  scrollTo(0, 0)
}

/** An address, with the query that its view had if a link of it led to the current view. */
export function addressBackTo(address: string): string {
  const { from } = (history.state ?? {}) as { from?: unknown }
  return typeof from === 'string' && from.split('?')[0] === address.split('?')[0] ? from : address
}

/** Replaces the current view with another one, so that its address reveals nothing of this account to the next user. */
export function leaveView(view = ''): void {
  history.replaceState(null, '', addressOf(view))
  address.value = here()
}

/** Starts to handle links and the browser's back and forward buttons. */
export function followAddresses(): void {
  addEventListener('popstate', () => {
    address.value = here()
  })
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    const link = event.target instanceof Element ? event.target.closest('a') : null
    if (!link || link.origin !== location.origin || link.hash || !link.pathname.startsWith(base)) return
    event.preventDefault()
    go(link.href)
  })
}

function here(): string {
  return location.pathname + location.search
}

function decodeSegment(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
