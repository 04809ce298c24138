// Loads the command line where it is asked for. In the executable bundle/load-cli.ts stands in for this file.
//
// From source a plain import does.  docs/binary.md

/** The module src/cli.ts. */
export async function loadCli(): Promise<typeof import('./cli.ts')> {
  return await import('./cli.ts')
}
