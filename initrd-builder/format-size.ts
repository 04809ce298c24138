// Sizes for people: three figures and a unit, decimal as disks and `dracut` have them.

/** `108.5 MB`, `812 B`. Without Intl, which the packed Node has not got. */
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
