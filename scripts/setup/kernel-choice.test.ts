// Tests of the choice of kernel packages, on records as Debian's mirrors hold them.
import t from 'tap'
import { chooseKernel, kernelDependencies, parsePackageRecords } from './kernel-choice.ts'

const text = `Package: linux-image-cloud-amd64
Version: 7.3.4-1~bpo13+1
Depends: linux-base-cloud-amd64 (= 7.3.4-1~bpo13+1), linux-image-7.3.4+deb13-cloud-amd64 (= 7.3.4-1~bpo13+1), linux-modules-cloud-amd64 (= 7.3.4-1~bpo13+1)
Description: kernel
 with a second line

Package: linux-image-cloud-amd64
Version: 7.10~rc2-1~exp1
Depends: linux-image-7.10-cloud-amd64 (= 7.10~rc2-1~exp1)

Package: linux-image-cloud-amd64
Version: 6.12.9-1
Depends: linux-image-6.12.9+deb13-cloud-amd64 (= 6.12.9-1)

Package: linux-image-cloud-amd64
Version: 6.12.117-1
Depends: linux-image-6.12.117+deb13-cloud-amd64 (= 6.12.117-1)

Package: linux-image-cloud-amd64
Version: 6.1.192-2
Depends: linux-image-6.1.0-56-cloud-amd64 (= 6.1.192-2)
`

/** Enough of Debian's version order for the records above. */
function isNewer(a: string, b: string): boolean {
  const numbers = (version: string): number[] => version.split(/[.~+-]/).map(Number)
  const [x, y] = [numbers(a), numbers(b)]
  const index = x.findIndex((value, at) => value !== y[at])
  return index >= 0 && (x[index] ?? 0) > (y[index] ?? 0)
}

t.test('the newest of each series, never a release candidate', async (t) => {
  const records = parsePackageRecords(text)
  t.equal(records.length, 5)
  t.equal(chooseKernel(records, '6.1', isNewer)?.version, '6.1.192-2')
  t.equal(chooseKernel(records, '6.12', isNewer)?.version, '6.12.117-1')
  t.equal(chooseKernel(records, '7.x', isNewer)?.version, '7.3.4-1~bpo13+1')
  t.equal(chooseKernel(records.slice(1, 2), '7.x', isNewer), undefined)
})

t.test('kernel packages are followed, metapackages and tools are not', async (t) => {
  const [meta] = parsePackageRecords(text)
  t.ok(meta)
  if (meta === undefined) return
  t.same(kernelDependencies(meta), ['linux-image-7.3.4+deb13-cloud-amd64=7.3.4-1~bpo13+1'])
  t.same(kernelDependencies({
    name: 'x',
    version: '1',
    depends: ['dracut | initramfs-tools (>= 0.1)', 'linux-binary-7.3.4+deb13-cloud-amd64 (= 7.3.4-1)',
      'linux-modules-7.3.4+deb13-cloud-amd64 (= 7.3.4-1)', 'linux-base-7.3.4+deb13-cloud-amd64 (= 7.3.4-1)'],
  }), ['linux-binary-7.3.4+deb13-cloud-amd64=7.3.4-1', 'linux-modules-7.3.4+deb13-cloud-amd64=7.3.4-1',
    'linux-base-7.3.4+deb13-cloud-amd64=7.3.4-1'])
})
