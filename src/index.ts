// The library: `import { … } from 'fulcrum'`.
//
// The same engines that PID 1 uses, on the same path: read facts, plan (pure), execute, trace. Nothing
// here runs by itself; a Kernel is made once by the caller and handed on. All calls are synchronous.
//
//     const kernel = createKernel()
//     const request = { newRoot: '/sysroot', engine: 'auto', … }
//     const { plan, refusal } = planSwitch(request, readSwitchFacts(kernel, request, process.arch))
//     if (plan === null) throw new Error(refusal.detail)
//     executePlan(kernel, plan, new Trace(() => kernel.monotonicUs()), new Map())
//
// Commands in other roots, many from one process (docs/services.md, docs/containers.md):
//
//     const spawner = new Spawner(kernel)
//     const { code } = await startRun(kernel, spawner, { kind: 'service', root: '/srv/web', … }).ended

export { createKoffiKernel as createKernel } from './kernel/koffi-kernel.ts'
export type {
  ChildStatus, Fd, FileStat, FsStat, Kernel, PollResult, RunOptions, RunResult, Termios,
} from './kernel/kernel.ts'
export { errorLine, isErrno, SyscallError } from './kernel/errors.ts'

export { isAbsoluteRoot, parseMountInfo, rootMount, topMountAt } from './facts/mountinfo.ts'
export type { Mount, Propagation } from './facts/mountinfo.ts'
export { parseCommandLine } from './facts/cmdline.ts'
export type { CommandLine, CommandLineWord } from './facts/cmdline.ts'
export { checkInit } from './facts/init-check.ts'
export type { InitCheck } from './facts/init-check.ts'
export { readSwitchFacts } from './facts/switch-facts.ts'

export { describePlan, describeStep } from './plan/step.ts'
export type { ExecStep, Plan, PlanResult, Refusal, RefusalReason, Step } from './plan/step.ts'
export { planPrepare } from './plan/prepare.ts'
export { planSwitch } from './plan/switch.ts'
export { planUndo } from './plan/undo.ts'
export { ROOTFS_DIRECTORY } from './facts/switch-types.ts'
export type { EngineChoice, Keep, SwitchFacts, SwitchRequest, TargetState } from './facts/switch-types.ts'

export { executePlan, executeUndo, StepError } from './execute/execute.ts'
export type { Handles } from './execute/execute.ts'
export { Trace } from './execute/trace.ts'
export type { TraceEvent } from './execute/trace.ts'

export { readRunFacts } from './facts/run/run-facts.ts'
export type {
  Bind, ContainerRequest, IdRange, Limits, RunEngine, RunFacts, RunFeatures, RunRequest, ServiceRequest,
} from './facts/run/run-types.ts'
export { planService } from './plan/run/service.ts'
export { planContainer } from './plan/run/container.ts'
export { describeRunPlan } from './plan/run/describe.ts'
export type { ChildCall, HostStep, RunPlan, RunPlanResult } from './plan/run/run-plan.ts'
export { Spawner } from './spawn/spawner.ts'
export { SpawnError } from './spawn/spawn-error.ts'
export { readRunPlan, RunRefused, startRun, startRuns } from './spawn/start-run.ts'
export { planEnter } from './plan/run/enter.ts'
export type { EnterRequest } from './plan/run/enter.ts'
export { planLiveBind, planLiveUnbind } from './plan/run/live-bind.ts'
export type { LiveBindRequest } from './plan/run/live-bind.ts'
export { Registry } from './run/registry.ts'
export type { RunEntry } from './run/registry.ts'
export { openTarget, TargetError } from './run/target.ts'
export type { Target } from './run/target.ts'
export type { ExitStatus, RunningChild } from './spawn/spawner-types.ts'
export { readReplaceFacts } from './facts/replace/read-replace-facts.ts'
export type { ReplaceFacts, ReplaceRequest, ReplaceSource } from './facts/replace/replace-types.ts'
export type { PlaceVerdict, Verdict } from './facts/replace/judge-namespaces.ts'
export { planReplace } from './plan/replace.ts'
export { describeReplacePlan, describeReplaceStep } from './plan/replace-step.ts'
export type { ReplacePlan, ReplaceStep } from './plan/replace-step.ts'
export { executeReplace, ReplaceError } from './replace/execute-replace.ts'
export { finishReplace, replaceMount, rollBackReplace } from './replace/replace.ts'
export type { ReplaceOutcome, ReplaceReport } from './replace/replace.ts'

export { cleanProcess, handOver, recordStartState } from './boot/hand-over.ts'
export type { StartState } from './boot/hand-over.ts'
export { readParameters } from './boot/parameters.ts'
export type { BootParameters } from './boot/parameters.ts'

export { readMounts } from './mounts/read-mounts.ts'
export { readNamespaces } from './mounts/read-namespaces.ts'
export { readBusy } from './mounts/read-busy.ts'
export type { Busy, ProcessUse } from './mounts/read-busy.ts'
export { buildMountTree } from './facts/mounts/mount-tree.ts'
export type { MountNode, MountRecord, MountTree, PeerGroup } from './facts/mounts/mount-tree.ts'
export { seenBy } from './facts/mounts/namespaces.ts'
export type { Keeper, Namespaces, SeenBy, SeenNamespace } from './facts/mounts/namespaces.ts'
export { diffMounts } from './facts/mounts/diff.ts'
export type { MountsDiff } from './facts/mounts/diff.ts'
export { drawTree } from './facts/mounts/draw.ts'
export { drawHtml, drawSvg } from './facts/mounts/picture.ts'
export { parseSaved, toSaved } from './facts/mounts/saved.ts'
export type { SavedMounts } from './facts/mounts/saved.ts'

export { buildImage, BuilderError } from '../initrd-builder/index.ts'
export type { BuildContext, BuildOptions, BuildResult } from '../initrd-builder/index.ts'

export { VERSION } from './version.ts'
