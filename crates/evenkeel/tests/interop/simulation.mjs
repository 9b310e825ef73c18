// Looks at the page of a simulation with Chromium, as a person would: `node simulation.mjs FILE CHROMIUM FLAG…`. Each check is a
// function here; its name is printed when it has passed.

import assert from "node:assert/strict";
import { start } from "./chromium.mjs";

const [, , file, command, ...flags] = process.argv;
const page = await start(command, flags);

const text = (selector) =>
  page.evaluate(`document.querySelector(${JSON.stringify(selector)}).textContent`);
const count = (selector) =>
  page.evaluate(`document.querySelectorAll(${JSON.stringify(selector)}).length`);

const checks = {
  async loads() {
    await page.open(`file://${file}`);
    await page.until(
      "the table is there",
      `document.querySelectorAll("#results tbody tr").length === 4`,
    );
    assert.match(await text("#results tbody tr:last-child"), /^measured30\.0 ms20\.0 ms200 ms400 ms500 ms1 %/);
    assert.equal(await count("#results tbody tr:last-child .bars span"), 5);
    assert.equal(await text("#kind"), "slow-node");
    assert.match(await text("#happenings"), /10 – 20 s.*s2 takes 8 times as long/);
    assert.match(await text("#because"), /p99 .* ms/);
    assert.equal(
      await text("#best"),
      await text("#results tr:has(.pill) label").then((said) => said.replace("best", "")),
    );
  },

  async draws() {
    if (await page.evaluate(`typeof uPlot === "undefined"`)) {
      assert.match(await text("#charts"), /no charts/);
      return;
    }
    assert.equal(await count("#shares figure:not([hidden]) canvas"), 3);
    assert.ok((await count("#charts canvas")) >= 3);
    const inked = await page.evaluate(`[...document.querySelectorAll("canvas")].every((canvas) =>
      canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((byte) => byte > 0))`);
    assert.ok(inked, "a chart is empty");
  },

  async chooses() {
    await page.click("#results tbody tr:nth-child(2) input");
    if ((await count("#shares figure")) === 3) {
      assert.equal(await count("#shares figure:not([hidden])"), 2);
      // Two that were simulated, and what was measured.
      assert.equal(await count("#charts .keys span"), 3);
    }
    await page.click("#quantiles button:first-child");
    assert.equal(await text('#quantiles [aria-pressed="true"]'), "p50");
    await page.click("#log");
  },

  async fits() {
    for (const [width, scheme] of [
      [360, "light"],
      [1280, "dark"],
    ]) {
      await page.send("Emulation.setDeviceMetricsOverride", {
        width,
        height: 800,
        deviceScaleFactor: 1,
        mobile: width < 500,
      });
      await page.send("Emulation.setEmulatedMedia", {
        features: [{ name: "prefers-color-scheme", value: scheme }],
      });
      await page.until(
        `nothing sticks out at ${width} px`,
        `document.documentElement.scrollWidth <= innerWidth`,
      );
    }
  },

  async asks_nobody() {
    const asked = await page.evaluate(
      `performance.getEntriesByType("resource").map(({ name }) => name).filter((name) => !name.startsWith("data:"))`,
    );
    assert.deepEqual(asked, []);
    assert.deepEqual(page.complaints, []);
  },
};

for (const [name, check] of Object.entries(checks)) {
  await check();
  console.log(name);
}
process.exit(0);
