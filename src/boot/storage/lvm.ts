// The assembler of LVM: activates the logical volumes that may lead to the root.
//
// Once per set of physical volumes lvm is asked what it makes of them; the answer says what to do (lvm-report.ts). Each
// is one call of lvm, without its daemons, and without udev where none runs.
// Man pages: lvm(8), lvm.conf(5), vgchange(8), lvchange(8).

import type { BlockDevice } from '../../facts/block/block-device.ts'
import { LVM_FIELDS, canBeOnLvm, parseLvmReport, planActivation } from '../../facts/block/lvm-report.ts'
import type { Activation, LvmReport } from '../../facts/block/lvm-report.ts'
import type { BootState } from '../boot-state.ts'
import type { ModuleLoader } from '../devices/index.ts'
import { ToolFailure, findTool, runTool } from '../tool.ts'
import type { Assembler, Task } from './assembly.ts'
import { hasUdev } from './udev-database.ts'

/** Checking the metadata of a large thin pool takes minutes. */
const ACTIVATE_MS = 300_000

/** Nobody answers in an initramfs: no daemons, no backup of metadata in a file system that goes away. */
const ALONE = 'global{use_lvmpolld=0 event_activation=0} backup{backup=0 archive=0} devices{hints="none"} activation{monitoring=0}'
/** Without udevd lvm makes its nodes and links by itself, at once. */
const WITHOUT_UDEV = 'devices{obtain_device_list_from_udev=0 external_device_info_source="none"} activation{udev_sync=0 udev_rules=0 verify_udev_operations=0}'

/** The modules of device mapper's targets, where they are not called after them. */
const TARGET_MODULES: Readonly<Record<string, readonly string[]>> = {
  thin: ['dm-thin-pool'], cache: ['dm-cache', 'dm-cache-smq'], vdo: ['dm-vdo', 'kvdo'], mirror: ['dm-mirror', 'dm-log'],
}

const isMember = (device: BlockDevice): boolean => device.superblock?.type === 'LVM2_member'

/** Physical volumes that nothing else holds: a member of a multipath device is none. */
function physicalVolumes(devices: readonly BlockDevice[]): readonly BlockDevice[] {
  const members = devices.filter(isMember)
  if (members.length === 0) return members
  const mapped = new Set(members.flatMap((device) => device.slaves))
  return members.filter((device) => !mapped.has(device.name))
}

/** What it needs of a boot. */
type State = Pick<BootState, 'kernel' | 'trace' | 'log' | 'parameters'>

class Lvm implements Assembler {
  readonly name = 'lvm'
  readonly #state: State
  readonly #loader: Pick<ModuleLoader, 'loadIfThere'>
  /** What is known of these physical volumes. */
  #known: { readonly members: string; readonly report: LvmReport } | null = null
  #hasFailed = false

  constructor(state: State, loader: Pick<ModuleLoader, 'loadIfThere'>) {
    this.#state = state
    this.#loader = loader
  }

  begin(): void {
    // A person may have mended it meanwhile.
    if (this.#hasFailed) this.#known = null
    this.#hasFailed = false
  }

  tasks(devices: readonly BlockDevice[], wanted: Parameters<Assembler['tasks']>[1]): readonly Task[] {
    const words = this.#state.parameters.block.lvm
    if (!words.isOn || !canBeOnLvm(wanted)) return []
    const members = physicalVolumes(devices)
    if (members.length === 0) return []
    const key = members.map(({ name, superblock }) => `${name}=${superblock?.uuid ?? ''}`).sort().join(' ')
    if (this.#known?.members !== key) return [this.#look(key, members)]
    const active = new Set(devices.flatMap(({ mapperName }) => (mapperName === null ? [] : [mapperName])))
    return planActivation(this.#known.report.volumes, wanted, words, active).map((one) => this.#activate(key, one))
  }

  #look(key: string, members: readonly BlockDevice[]): Task {
    return {
      key: `lvm look ${key}`,
      text: `looking for logical volumes on ${members.map(({ path }) => path).sort().join(', ')}`,
      when: 'now',
      run: () => {
        // Known whatever comes: a group that cannot be read is not asked for without end.
        this.#known = { members: key, report: { volumes: [], warnings: [] } }
        this.#loader.loadIfThere(['dm_mod'])
        const report = this.#guarded(() => parseLvmReport(this.#run(['vgs', '--foreign', '--reportformat', 'json', '-o', LVM_FIELDS], 60_000)))
        for (const line of report.warnings) this.#state.log.warn(`lvm: ${line}`)
        this.#known = { members: key, report }
      },
    }
  }

  #activate(members: string, one: Activation): Task {
    const { target, isNamed, when, missing } = one
    const kind = target.includes('/') ? 'logical volume' : 'volume group'
    return {
      key: `lvm activate ${target} ${when} ${members}`,
      text: `activating ${kind} '${target}'${missing === 0 ? '' : `, of which ${missing} physical ${missing === 1 ? 'volume is' : 'volumes are'} missing`}`,
      when,
      run: () => this.#guarded(() => {
        if (one.obstacle !== null) throw new Error(`Cannot activate ${kind} '${target}': ${one.obstacle}`)
        if (missing > 0) this.#state.log.warn(`${kind} '${target}' is not complete: only what does without the missing ${missing === 1 ? 'device' : 'devices'} is activated`)
        this.#loader.loadIfThere(one.targets.flatMap((name) => TARGET_MODULES[name] ?? [`dm-${name}`]))
        const how = target.includes('/') ? ['lvchange', '-ay', '-K'] : ['vgchange', isNamed ? '-ay' : '-aay']
        this.#run([...how, '-y', '--activationmode', when === 'late' ? 'degraded' : 'complete', target], ACTIVATE_MS)
      }),
    }
  }

  #guarded<T>(action: () => T): T {
    try {
      return action()
    } catch (error) {
      this.#hasFailed = true
      throw error
    }
  }

  #run([command = '', ...args]: readonly string[], timeoutMs: number): string {
    const { parameters, kernel } = this.#state
    const config = hasUdev(kernel) ? ALONE : `${ALONE} ${WITHOUT_UDEV}`
    const env = {
      LVM_SUPPRESS_FD_WARNINGS: '1', ...(hasUdev(kernel) ? {} : { DM_DISABLE_UDEV: '1' }),
      ...(parameters.block.lvm.useConf ? {} : { LVM_SYSTEM_DIR: '' }),
    }
    try {
      return runTool(this.#state, 'lvm', [command, '--config', config, ...args], { timeoutMs, env })
    } catch (error) {
      if (!(error instanceof ToolFailure) || error.output === '') throw error
      // The command with all of its settings would hide what lvm says.
      const said = error.output.split('\n').map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('WARNING: '))
      throw new Error(`Cannot ${['lvm', command, ...args.slice(-1)].join(' ')}: ${said.join('; ') || error.output}`, { cause: error })
    }
  }
}

/** The assembler; null where the image has no lvm. */
export function createLvm(state: State, loader: Pick<ModuleLoader, 'loadIfThere'>): Assembler | null {
  return findTool(state.kernel, 'lvm') === undefined ? null : new Lvm(state, loader)
}
