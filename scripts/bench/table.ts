// A table for the terminal: names to the left, numbers to the right, as wide as their titles.
// It exists so that all benches print alike, and what they print can be pasted into docs/performance.md.
// Pure: text in, text out.

/** `titles` starts with that of the names; a row is its name and its cells. */
export function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = titles.map((title, at) => Math.max(title.length, ...rows.map((row) => (row[at] ?? '').length)))
  const line = (cells: readonly string[]): string =>
    cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join('  ').trimEnd()
  return `${[titles, ...rows].map(line).join('\n')}\n`
}

/** The same for a page: Markdown. */
export function markdownTable(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(titles), line(titles.map((_, at) => (at === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n')
}
