// Sizes for people: one decimal and a unit, powers of ten as disks and df -H have them.
//
// Without Intl and toLocaleString, as the packed Node has no ICU data and throws there.

/** `108.5 MB`, `812 B`. */
export function formatSize(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  const units = ['kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = -1
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${value.toFixed(1)} ${units[unit] ?? ''}`
}
