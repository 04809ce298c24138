// The builder and the reader of images as a library: `import { buildImage, readImage } from …`.
//
// `fulcrum build` and `fulcrum inspect` are thin commands over these.

export { BuilderError, exitStatus, type BuilderErrorKind } from './builder-error.ts'
export { buildImage, type BuildContext, type BuildResult } from './build-image.ts'
export type { SegmentResult } from './write-segments.ts'
export { compressorNames, type CompressorName } from './compressor-names.ts'
export { features, type Feature } from './features.ts'
export type { BuildOptions, IncludeOption } from './options.ts'
export { explainFile, type Explanation } from './read/explain-file.ts'
export { extractImage, type ExtractResult } from './read/extract-image.ts'
export type { ImageFile } from './read/merge-segments.ts'
export { readImage, type ReadImage, type ReadSegment } from './read/read-image.ts'
export { summarizeImage, type ImageSummary, type Weight } from './read/summarize-image.ts'
