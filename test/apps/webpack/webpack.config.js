/** An entry, a page for it and a folder that is served as it is: nothing for insitu. The headers where the test wants threads. */
import HtmlPlugin from 'html-webpack-plugin';

const isolation = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

export default {
  entry: './main.js',
  plugins: [new HtmlPlugin({ templateContent: '<link rel="icon" href="data:," />' })],
  devServer: { static: 'public', headers: process.env.ISOLATED ? isolation : {} },
};
