// Tells the boot while it happens: reads the guest's console line by line, gives the plan a section of its own, and
// lets through what a person wants to see of systemd's hundred lines.

import { ConsoleTimeout } from '../../qemu-tests/harness/console.ts'
import type { Console } from '../../qemu-tests/harness/console.ts'
import { plainText } from './narrator.ts'
import type { Narrator } from './narrator.ts'

/** Lines of systemd that mark progress or trouble. */
const WORTH_SHOWING = /Welcome to|Reached target (sysinit|local-fs|multi-user|poweroff)|FAILED|Failed|login:|reboot: |Kernel panic|Started serial-getty/

/** Follows one boot to its end. Never rejects: what is wrong with the boot is judged afterwards. */
export async function followBoot(narrator: Narrator, console: Console): Promise<void> {
  let skipped = 0
  let isInPlan = false
  let isUp = false
  const flush = (): void => {
    if (skipped > 0) narrator.console(`(${skipped} more ${skipped === 1 ? 'line' : 'lines'})`)
    skipped = 0
  }
  const show = (line: string): void => {
    flush()
    narrator.console(line)
  }
  for (;;) {
    let line: string
    try {
      const match = await console.waitFor(/([^\n]*?login: |[^\n]*\n)/, 600_000)
      line = plainText(match[0]).trimEnd()
    } catch (error) {
      flush()
      if (error instanceof ConsoleTimeout) return
      throw error
    }
    if (line === '') continue
    if (/^fulcrum: plan '/.test(line)) {
      isInPlan = true
      flush()
      narrator.section('The plan', 'Everything that can be checked has been checked; these are the steps, and nothing else is done.')
    } else if (isInPlan && !/^fulcrum: {2,}/.test(line)) {
      isInPlan = false
      narrator.section('The switch, and what the real root does with it')
    }
    if (line.endsWith('login:')) isUp = true
    if (isUp && /^fulcrum: /.test(line)) {
      isUp = false
      flush()
      narrator.section('The way back', 'systemd has gone back into the kept initramfs: nothing to unpack, and nothing of the root in the way.')
    }
    if (/^fulcrum: /.test(line) || WORTH_SHOWING.test(line)) show(line)
    else skipped += 1
  }
}
