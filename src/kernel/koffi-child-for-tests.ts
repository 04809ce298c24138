// What a process of its own has to do for koffi-kernel.test.ts: be replaced, or die.
//
// Arguments: the scenario, then what it takes. The program that takes over is /bin/sh with a script.

import { cleanProcess, handOver, recordStartState } from '../boot/hand-over.ts'
import { O_NONBLOCK } from '../abi/process.ts'
import { toFd } from './kernel.ts'
import { createKoffiKernel } from './koffi-kernel.ts'

const [, , scenario = '', script = ''] = process.argv
const k = createKoffiKernel()
const start = recordStartState(k)
const shell = ['sh', '-c', script]
const env = { HOME: '/', FULCRUM_TEST: 'given' }

/** An execve that cannot succeed. */
function failExec(): void {
  try {
    k.execve('/nonexistent/init', ['init'], {})
  } catch {
    // ENOENT, as wanted.
  }
}

switch (scenario) {
  case 'hand-over':
    // Everything that Node and a rescue console can leave behind.
    k.open('/proc/self/stat', 0)
    k.fcntl(k.open('/proc/self/stat', 0), 2, 0)
    k.fcntl(toFd(0), 4, O_NONBLOCK)
    await new Promise((resolve) => void setTimeout(resolve, 1))
    handOver(k, { op: 'exec', path: '/bin/sh', argv: shell, env, kind: 'plain' }, start)
    break
  case 'systemd':
    handOver(k, { op: 'exec', path: script, argv: ['init', '3'], env, kind: 'systemd' }, { termios: [], realtimeUs: 12n, monotonicUs: 3n })
    break
  case 'abort':
    k.armCrashExec(['/bin/sh', '/nosuch'], shell, env)
    process.abort()
    break
  case 'abort-after-exec':
    k.armCrashExec(['/nosuch', '/bin/sh'], shell, env)
    cleanProcess(k, start)
    failExec()
    process.abort()
    break
  case 'kill':
    k.armCrashExec(['/nosuch', '/bin/sh'], shell, env)
    k.kill(process.pid, Number(process.argv[4]))
    break
  case 'out-of-memory': {
    k.armCrashExec(['/nosuch', '/bin/sh'], shell, env)
    const hoard: number[][] = []
    for (;;) hoard.push(Array.from({ length: 100_000 }, (_, i) => i + 0.5))
    break
  }
  case 'alive-after-exec':
    cleanProcess(k, start)
    failExec()
    k.write(toFd(1), `${k.readText('/proc/self/comm').length > 0} ${JSON.stringify(k.run('/bin/echo', ['still here'], { env: {} }).stdout)}\n`)
    break
  default:
    throw new Error(`Cannot play '${scenario}'`)
}
