// `npm run bench`: what is measured in virtual time, by subject: boots, shutdowns, what keeping the
// initramfs costs; and what it costs to run a command in another root.
// Each subject is a file in bench/; this one chooses, and turns what is thrown into a line and an exit status.

import { BOOT_USAGE, benchBoot } from './bench/boot.ts'
import { BUILD_USAGE, benchBuild } from './bench/build-time.ts'
import { KEEP_USAGE, benchKeep } from './bench/keep.ts'
import { SCALE_USAGE, benchScale } from './bench/scale.ts'
import { SHUTDOWN_USAGE, benchShutdown } from './bench/shutdown.ts'
import { SPAWN_USAGE, benchSpawn } from './bench/spawn.ts'
import { tellFailure } from './script-arguments.ts'

const USAGE = `usage: npm run bench -- [SUBJECT] [OPTION…]

${BOOT_USAGE}
${SHUTDOWN_USAGE}
${KEEP_USAGE}
${SPAWN_USAGE}
${SCALE_USAGE}
${BUILD_USAGE}

Times are virtual milliseconds, a million instructions each. They repeat to a fraction of one for the same image.
--only takes a regular expression on the names that are printed. Behind each subject but spawn:
      --json FILE     writes what was measured ('-': to standard output, and nothing else there)
      --check         compares it with docs/bench.json, and says what was not measured; exit status 1 if a figure got
                      worse by more than 2 % and its noise, or lost its rank; 111 if a measured part cannot be compared
      --write-docs    writes it into docs/: bench.json, bench-*.svg, the tables in performance.md and performance-scale.md
`

async function main(args: string[]): Promise<void> {
  const [subject = 'boot', ...rest] = args[0]?.startsWith('-') === true ? ['boot', ...args] : args
  if (args.includes('--help') || args.includes('-h')) process.stdout.write(USAGE)
  else if (subject === 'boot') await benchBoot(rest)
  else if (subject === 'shutdown') benchShutdown(rest)
  else if (subject === 'keep') benchKeep(rest)
  else if (subject === 'build') benchBuild(rest)
  else if (subject === 'scale') benchScale(rest)
  else if (subject === 'spawn') await benchSpawn(rest)
  else {
    process.stderr.write(USAGE)
    process.exitCode = 100
  }
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  process.exitCode = tellFailure('bench', error)
}
