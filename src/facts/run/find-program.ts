// Finds the program that a command names, as execvp(3) would inside of the root.
//
// Before anything is started, so that a name that is wrong is said so and costs nothing.  execvp(3), environ(7)

import { S_IFDIR, S_IFMT, S_IFREG } from '../../abi/process.ts'
import { isErrno } from '../../kernel/errors.ts'
import type { Program } from './run-types.ts'
import type { SeenRoot } from './seen-root.ts'

/** Where a name is looked for when the environment has no PATH. */
export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

function absolute(path: string, workingDirectory: string): string {
  return path.startsWith('/') ? path : `${workingDirectory === '/' ? '' : workingDirectory}/${path}`
}

function look(root: SeenRoot, path: string): Program {
  const name = `'${path}'`
  try {
    const { mode } = root.stat(root.resolve(path))
    if ((mode & S_IFMT) === S_IFDIR) return { problem: 'command-not-executable', detail: `${name} is a directory` }
    if ((mode & S_IFMT) !== S_IFREG) return { problem: 'command-not-executable', detail: `${name} is not a regular file` }
    if ((mode & 0o111) === 0) return { problem: 'command-not-executable', detail: `${name} has no execute permission` }
    return { path }
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return { problem: 'command-not-found', detail: `${name} does not exist in the root` }
    if (isErrno(error, 'ELOOP', 'EACCES')) return { problem: 'command-not-executable', detail: `${name}: ${error.code}` }
    throw error
  }
}

/** The first of the directories of PATH that has `name` as a program; a name with a '/' is a path already. */
export function findProgram(root: SeenRoot, name: string, path: string | undefined, workingDirectory: string): Program {
  if (name === '') return { problem: 'command-not-found', detail: 'its name is empty' }
  if (name.includes('/')) return look(root, absolute(name, workingDirectory))
  const searched = path ?? DEFAULT_PATH
  let first: Program | null = null
  for (const directory of searched.split(':')) {
    const found = look(root, absolute(`${directory === '' ? '.' : directory}/${name}`, workingDirectory))
    if ('path' in found) return found
    if (found.problem === 'command-not-executable') first ??= found
  }
  return first ?? { problem: 'command-not-found', detail: `'${name}' is in none of the directories of PATH (${searched}) in the root` }
}
