// What makes a run impossible whatever the engine: checked before anything is started.
//
// Pure; for services and containers.

import { isBelow } from '../../facts/paths.ts'
import type { Bind, Presence, RunFacts, RunRequest } from '../../facts/run/run-types.ts'
import type { Refusal, RefusalReason } from '../../facts/refusal.ts'
import { checkCgroup } from './cgroup-steps.ts'

const refusal = (reason: RefusalReason, detail: string, remedy: string): Refusal => ({ reason, detail, remedy })

const NAMES: Readonly<Record<Presence, string>> = { directory: 'a directory', file: 'not a directory', missing: 'missing' }

/**
 * Why this bind cannot be made, or null. `madeByUs` says of a target that is missing that the root's planner makes it
 * or does not use the root's own.
 */
function checkBind(bind: Bind, facts: RunFacts, madeByUs: (target: string) => boolean): Refusal | null {
  const cannot = `Cannot bind '${bind.source}' to '${bind.target}' in the root`
  const source = facts.sources[bind.source]?.type ?? 'missing'
  if (source === 'missing') return refusal('bind-source-missing', `${cannot}: the source does not exist`, 'name a directory or file of the host')
  if (madeByUs(bind.target)) return null
  const target = facts.present[bind.target] ?? 'missing'
  if (target === 'missing') {
    return refusal('mount-point-missing', `${cannot}: there is nothing to mount it on`, source === 'directory' ? 'make the directory in the root' : 'make an empty file there in the root')
  }
  if (source !== target) return refusal('mount-point-missing', `${cannot}: the source is ${NAMES[source]}, the target ${NAMES[target]}`, 'bind directories to directories, files to files')
  return null
}

/** The first thing that is wrong, or null. `isOurs` says of a path that what the root has there does not count. */
export function checkRequest(request: RunRequest, facts: RunFacts, madeByUs: (path: string) => boolean = () => false, isOurs = madeByUs): Refusal | null {
  const { root, workingDirectory } = request
  const cannot = `Cannot run in '${root}'`
  if (facts.uid !== 0) return refusal('no-permission', `${cannot}: user id 0 is needed`, 'run as root')
  if (!facts.root.exists) return refusal('new-root-missing', `${cannot}: it does not exist`, 'name the directory of a root file system')
  if (!facts.root.isDirectory) return refusal('new-root-not-directory', `${cannot}: not a directory`, 'mount an image first, and name the directory that it is mounted on')
  for (const bind of request.binds) {
    const found = checkBind(bind, facts, madeByUs)
    if (found !== null) return found
  }
  const isBound = request.binds.some(({ target }) => isBelow(workingDirectory, target) || isBelow(target, workingDirectory))
  if (facts.present[workingDirectory] !== 'directory' && !isOurs(workingDirectory) && !isBound) {
    return refusal('working-directory-missing', `${cannot}: the working directory '${workingDirectory}' is ${NAMES[facts.present[workingDirectory] ?? 'missing']} there`, 'choose another')
  }
  if ('problem' in facts.program) {
    return refusal(facts.program.problem, `Cannot run '${request.command[0] ?? ''}' in '${root}': ${facts.program.detail}`, 'name a program that is in the root')
  }
  return checkCgroup(request, facts)
}
