// The fragments as they are in the folder, and the check that tells when Kconfig has thrown a wish away.
// merge_config.sh only warns of that, and a kernel that lacks one symbol fails minutes later in a way that does not
// name it. No kernel is built here.
import t from 'tap'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DEFAULT_FEATURES, kernelFeatures, withNeeds } from './features.ts'
import { lostSymbols, mergeSymbols, parseConfig, parseFragment } from './parse-fragment.ts'

const folder = join(import.meta.dirname, 'fragments')
const files = readdirSync(folder).sort()

t.test('every feature has its fragment, and every fragment its feature', async (t) => {
  t.same(files, kernelFeatures.map(({ name }) => `${name}.config`).sort())
})

for (const file of files) {
  t.test(`${file} parses, and gives a reason for each symbol`, async (t) => {
    const fragment = parseFragment(readFileSync(join(folder, file), 'utf8'), file)
    t.ok(fragment.about.length > 20, 'says what it is')
    t.ok(fragment.symbols.length > 0, 'sets something')
    t.equal(new Set(fragment.symbols.map(({ name }) => name)).size, fragment.symbols.length, 'nothing is set twice')
    for (const { name, reason } of fragment.symbols) t.ok(reason.length > 8, `${name}: ${reason}`)
  })
}

t.test('features bring what they need, in merging order', async (t) => {
  t.same(withNeeds(['ext4']).map(({ name }) => name), ['base', 'block', 'ext4'])
  t.same(withNeeds(['modules', 'ext4']).at(-1)?.name, 'modules', 'after what it turns into modules')
  t.ok(withNeeds(DEFAULT_FEATURES).length >= DEFAULT_FEATURES.length)
  t.throws(() => withNeeds(['zfs']), /Cannot find feature 'zfs'/)
})

t.test('what is not a fragment is refused', async (t) => {
  t.throws(() => parseFragment('CONFIG_A=y\n', 'x'), /does not begin with a comment/)
  t.throws(() => parseFragment('# about\n\nCONFIG_A=y\n', 'x'), /'CONFIG_A=y' has no comment/)
  t.throws(() => parseFragment('# about\n\n# why\nCONFIG_A = y\n', 'x'), /is no CONFIG_NAME=VALUE/)
})

t.test('a lost wish is named with its reason', async (t) => {
  const first = parseFragment('# about\n\n# for one\nCONFIG_A=y\nCONFIG_B=y\n\n# gone since. [may be absent]\nCONFIG_OLD=y\n', 'a')
  const second = parseFragment('# about\n\n# as a module\nCONFIG_B=m\nCONFIG_S="text"\n', 'b')
  const wanted = mergeSymbols([first, second])
  t.same(wanted.map(({ name, value }) => `${name}=${value}`), ['CONFIG_A=y', 'CONFIG_B=m', 'CONFIG_OLD=y', 'CONFIG_S="text"'])
  t.same(lostSymbols(wanted, parseConfig('CONFIG_A=y\nCONFIG_B=m\nCONFIG_S="text"\n')), [])
  t.same(lostSymbols(wanted, parseConfig('# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_S="text"\n# CONFIG_OLD is not set\n')), [
    "CONFIG_A=y is 'n' (wanted: for one)", "CONFIG_B=m is 'y' (wanted: as a module)", "CONFIG_OLD=y is 'n' (wanted: gone since.)",
  ])
  t.match(lostSymbols(wanted, parseConfig('CONFIG_A=y\nCONFIG_B=m\n')), [/CONFIG_S="text" is not there/])
})
