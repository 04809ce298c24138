// The variables that hooks leave behind: the file that the runner's shell writes and reads back.
//
// One assignment each, in single quotes, as initrd-builder/dracut-hooks/run-hooks.sh writes them. Pure.

/** NAME='VALUE' with "'\''" for a quote, as POSIX shells read it. */
export function formatVariables(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables).map(([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'\n`).join('')
}

/** What stands in such a file; what is no assignment is passed over. */
export function parseVariables(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const [, name = '', value = ''] of text.matchAll(/^(?:export )?([A-Za-z_]\w*)='((?:[^']|'\\'')*)'$/gm)) {
    found.set(name, value.replaceAll("'\\''", "'"))
  }
  return found
}
