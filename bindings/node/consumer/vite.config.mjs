// With DBAL_BUNDLE the package is bundled as well, as some frameworks do.
export default {
  build: { ssr: 'src/ssr.ts', outDir: process.env.DBAL_BUNDLE ? 'bundled' : 'external' },
  ssr: { noExternal: process.env.DBAL_BUNDLE ? true : [] },
}
