const PATHS = {
  overview: 'M4 19V11M10 19V5M16 19v-6M21 19H3',
  activity: 'M3 12h4l3 8 4-16 3 8h4',
  keys: 'M15.5 8.5a4 4 0 1 1-1.2-2.8M14 11l7 7M18 15l-2 2',
  prices: 'M12 3H4v8l9 9 8-8-9-9ZM8 8h.01',
  providers: 'M4 5h16v5H4zM4 14h16v5H4zM8 7.5h.01M8 16.5h.01',
  statement: 'M6 3h12v18l-3-2-3 2-3-2-3 2zM9 8h6M9 12h6',
  sun: 'M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8M12 2v2M12 20v2M4.9 4.9l1.4 1.4M17.7 17.7l1.4 1.4M2 12h2M20 12h2M4.9 19.1l1.4-1.4M17.7 6.3l1.4-1.4',
  moon: 'M20 14.5A8.5 8.5 0 1 1 9.5 4 7 7 0 0 0 20 14.5Z',
  screen: 'M3 5h18v11H3zM9 20h6M12 16v4',
  out: 'M10 4H5v16h5M15 8l4 4-4 4M19 12H9',
  menu: 'M4 7h16M4 12h16M4 17h16',
  back: 'M14 6l-6 6 6 6',
  empty: 'M3 13l3-8h12l3 8v6H3zM3 13h5l1.5 3h5L16 13h5',
  broken: 'M12 4l9 16H3zM12 10v4M12 17h.01',
  refresh: 'M20 11A8 8 0 0 0 5.6 7L4 9M4 4v5h5M4 13a8 8 0 0 0 14.4 4L20 15M20 20v-5h-5',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  close: 'M6 6l12 12M18 6L6 18',
  pause: 'M9 6v12M15 6v12',
  play: 'M8 5l11 7-11 7z',
} as const

export type IconName = keyof typeof PATHS

/** A line icon. Screen readers skip it, because the words beside it say the same. */
export function Icon({ name, size = 17 }: { name: IconName; size?: number }) {
  return (
    <svg
      aria-hidden="true"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="1.7"
      stroke-linecap="round"
      stroke-linejoin="round"
    >
      <path d={PATHS[name]} />
    </svg>
  )
}
