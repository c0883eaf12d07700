/** Nothing for insitu. The headers where the test wants threads. */
const isolation = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

export default { server: { headers: process.env.ISOLATED ? isolation : {} } };
