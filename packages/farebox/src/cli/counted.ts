/** A number with its noun: `1 credit`, `0.5 credits`. */
export function counted(count: number | string, noun: string): string {
  return `${count} ${noun}${String(count) === '1' ? '' : 's'}`
}
