/**
 * Finds the longest affordable time in whole seconds, from `least` to `most`. `undefined` if not even `least` is affordable. More
 * time never costs less, so a binary search of about ten steps finds it to the second, whatever the fees and billing increments.
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
