import { browserTest } from '../harness/browsers.ts';
import { startCollectorProcess } from '../harness/collector-process.ts';

const M = '/work/shared/cases/models/';
const ready = "() => document.documentElement.dataset.model === 'ready'";
browserTest('scratch', ['chromium'], async ({ page }) => {
  const collector = await startCollectorProcess();
  await page.setViewport({ width: 1280, height: 1000 });
  await page.goto(`${collector.url}/`);
  await page.waitFor(ready, { timeoutMs: 60000 });
  await page.screenshot('/tmp/w/faces-shots/demo-top.png');
  for (const m of ['external_many', 'float64_mlp', 'nan_out', 'rf_plain', 'rf_string_label', 'rf_zipmap', 'scalars', 'strings']) {
    await page.chooseFile('#model-file', `${M}${m}.onnx`);
    await page.waitFor("() => document.querySelector('#own-run') !== null || !document.querySelector('#own-alert').hidden", {
      timeoutMs: 60000,
    });
    console.log(
      m,
      'OPEN',
      await page.evaluate(
        "() => document.querySelector('#own-status').textContent + ' | ' + document.querySelector('#own-alert').textContent",
      ),
    );
    if (await page.evaluate("() => document.querySelector('#own-run') !== null")) {
      await page.click('#own-run');
      await page.waitFor("() => !document.querySelector('#own-run').disabled", { timeoutMs: 60000 });
      console.log(
        m,
        'RUN',
        await page.evaluate(
          "() => [document.querySelector('#own-status').textContent, ...[...document.querySelectorAll('#own-panel [role=alert]')].map((x) => x.textContent), document.querySelector('#own-result').innerText].join(' | ')",
        ),
      );
    }
    await page.evaluate("() => document.querySelector('#own-title').scrollIntoView()");
    for (const width of [1280, 390]) {
      await page.setViewport({ width, height: 1000 });
      await page.screenshot(`/tmp/w/faces-shots/own-${m}-${width}.png`);
    }
    await page.setViewport({ width: 1280, height: 1000 });
  }
  console.log(JSON.stringify(page.consoleLines));
  await collector.close();
});
