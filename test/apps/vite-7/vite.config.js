/** What the README asks of an application on Vite 7; the headers where the test wants threads. */
const isolation = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

export default {
  optimizeDeps: { exclude: ['insitu'] },
  server: { headers: process.env.ISOLATED ? isolation : {} },
};
