/** What the README asks of an application on Nuxt; the headers where the test wants threads. */
const isolation = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

export default {
  vite: {
    optimizeDeps: { exclude: ['insitu'] },
    server: { headers: process.env.ISOLATED ? isolation : {} },
  },
  routeRules: process.env.ISOLATED ? { '/**': { headers: isolation } } : {},
};
