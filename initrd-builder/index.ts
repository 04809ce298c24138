// The builder and the reader of images as a library: `import { buildImage, readImage } from …`.
//
// `fulcrum build` and `fulcrum inspect` are thin commands over these two.

export { BuilderError, exitStatus } from './builder-error.ts'
export { buildImage, type BuildContext, type BuildResult, type SegmentResult } from './build-image.ts'
export type { BuildOptions, IncludeOption } from './options.ts'
export { features, type Feature } from './features.ts'
