/**
 * The longest time, in whole seconds from `least` to `most`, that can be paid; `undefined` where not even the least can. Longer never
 * costs less, so that some ten questions find it to the second, whatever is taken as a fee or billed in whole minutes.
 */
export function affordableSeconds(
  { least, most }: { least: number; most: number },
  isAffordable: (seconds: number) => boolean,
): number | undefined {
  let longest = Math.floor(most)
  if (longest < least || !isAffordable(least)) return undefined
  if (isAffordable(longest)) return longest
  let payable = least
  while (longest - payable > 1) {
    const middle = Math.floor((payable + longest) / 2)
    if (isAffordable(middle)) payable = middle
    else longest = middle
  }
  return payable
}
