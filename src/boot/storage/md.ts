// The assembler of md: hands each member to mdadm as it comes, and starts what stays incomplete at the end.
//
// Arrays begin in "auto-read-only": nothing is written, and no resync begins, until the root is mounted for writing.
// Man pages: mdadm(8) (incremental mode), mdadm.conf(5), md(4); sysfs: Documentation/admin-guide/md.rst.

import { describeArray } from '../../facts/block/md-array.ts'
import type { BlockDevice } from '../../facts/block/block-device.ts'
import type { RootSpec } from '../../facts/block/root-spec.ts'
import type { BootState } from '../boot-state.ts'
import { readdirIfThere, readTextIfThere } from '../devices/device-kernel.ts'
import type { ModuleLoader } from '../devices/index.ts'
import { ToolFailure, findTool, runTool } from '../tool.ts'
import { arrayId } from '../words/volume-words.ts'
import type { MdWords } from '../words/volume-words.ts'
import type { Assembler, Task } from './assembly.ts'
import { hasUdev } from './udev-database.ts'

/** Words of the command line that are mdadm's and come to us as our environment: virtual machines have no such firmware. */
const PASSED_ON = ['IMSM_NO_PLATFORM', 'IMSM_DEVNAME_AS_SERIAL'] as const
/** What is behind firmware metadata only mdadm knows. */
const ANY_LEVEL = ['raid0', 'raid1', 'raid10', 'raid456']

/** Whether an array can bring what is waited for. */
function canBeOnMd(wanted: RootSpec): boolean {
  return wanted.kind === 'name' ? /^(md|dm-)\d/.test(wanted.name) : wanted.kind !== 'tag'
}

function isMember({ superblock }: BlockDevice, words: MdWords): boolean {
  if (superblock?.type === 'isw_raid_member') return words.imsm
  if (superblock?.type === 'ddf_raid_member') return words.ddf
  if (superblock?.type !== 'linux_raid_member') return false
  return words.uuids.length === 0 || words.uuids.includes(arrayId(superblock.uuid ?? ''))
}

/** What it needs of a boot. */
type State = Pick<BootState, 'kernel' | 'trace' | 'log' | 'parameters' | 'env'>

class Md implements Assembler {
  readonly name = 'md'
  readonly #state: State
  readonly #loader: Pick<ModuleLoader, 'loadIfThere'>

  constructor(state: State, loader: Pick<ModuleLoader, 'loadIfThere'>) {
    this.#state = state
    this.#loader = loader
  }

  tasks(devices: readonly BlockDevice[], wanted: RootSpec): readonly Task[] {
    const words = this.#state.parameters.block.md
    if (!words.isOn || !canBeOnMd(wanted)) return []
    const members = devices.filter((device) => isMember(device, words))
    if (members.length === 0) return []
    const held = new Set(devices.flatMap((device) => device.slaves))
    const inactive = devices.filter((device) => device.name.startsWith('md') && device.sizeBytes === 0 && device.slaves.length > 0)
    return [
      ...members.filter((device) => !held.has(device.name)).map((device) => this.#add(device)),
      ...inactive.map((device) => this.#start(device)),
    ]
  }

  #add(device: BlockDevice): Task {
    const { superblock, path } = device
    const label = superblock?.label ?? null
    return {
      key: `md add ${device.name} ${device.diskseq ?? ''}`,
      text: `adding ${path} to its array${label === null ? '' : ` '${label}'`}`,
      when: 'now',
      run: () => {
        const level = superblock?.raidLevel ?? null
        this.#loader.loadIfThere(['md_mod', ...(level === null ? ANY_LEVEL : [`md-level-${level}`])])
        // The name of the machine is not known here: whatever the array was made on counts as this one, for its name alone.
        const host = /^([^:]+):/.exec(label ?? '')?.[1] ?? 'any'
        this.#mdadm(['--incremental', '--offroot', `--homehost=${host}`, path], `add '${path}' to an array`)
      },
    }
  }

  #start(device: BlockDevice): Task {
    return {
      key: `md start ${device.name} ${device.slaves.join(' ')}`,
      text: `starting ${device.path} although it is incomplete; it has ${device.slaves.map((name) => `/dev/${name}`).sort().join(', ')}`,
      when: 'late',
      run: () => {
        this.#mdadm(['--run', device.path], `start '${device.path}' with what there is`)
        for (const line of this.#degraded(device)) this.#state.log.warn(line)
      },
    }
  }

  #degraded({ name, path }: BlockDevice): string[] {
    const { kernel } = this.#state
    const directory = `/sys/class/block/${name}/md`
    const read = (file: string): string => readTextIfThere(kernel, `${directory}/${file}`) ?? ''
    const slots = readdirIfThere(kernel, directory).filter((entry) => entry.startsWith('dev-')).map((entry) => ({ device: `/dev/${entry.slice(4)}`, slot: read(`${entry}/slot`) }))
    return describeArray({ path, level: read('level'), disks: Number(read('raid_disks')), slots })
  }

  #mdadm(args: readonly string[], what: string): void {
    const { kernel, env, parameters } = this.#state
    const given = PASSED_ON.flatMap((key) => (env[key] === undefined ? [] : [[key, env[key]] as const]))
    const conf = parameters.block.md.useConf ? [] : ['--config=none']
    try {
      runTool(this.#state, 'mdadm', [...conf, ...args], {
        env: { MDADM_NO_SYSTEMCTL: '1', ...(hasUdev(kernel) ? {} : { MDADM_NO_UDEV: '1' }), ...Object.fromEntries(given) },
      })
    } catch (error) {
      if (!(error instanceof ToolFailure)) throw error
      const said = error.output === '' && error.status === 1 ? "the mdadm.conf of the image does not allow it (AUTO, ARRAY <ignore>)" : error.output.replaceAll(/^mdadm: /gm, '').replaceAll('\n', '; ')
      throw new Error(`Cannot ${what}: ${said === '' ? error.message : said}`, { cause: error })
    }
  }
}

/** The assembler; null where the image has no mdadm. */
export function createMd(state: State, loader: Pick<ModuleLoader, 'loadIfThere'>): Assembler | null {
  return findTool(state.kernel, 'mdadm') === undefined ? null : new Md(state, loader)
}
