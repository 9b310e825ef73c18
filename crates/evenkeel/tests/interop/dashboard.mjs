// Looks at the dashboard with Chromium, as a person would: `node dashboard.mjs ADMIN LISTENER CONFIG CHROMIUM FLAG…`.
// Each check is a function here; its name is printed when it has passed. The last one asks on stdout to have the balancer
// stopped, and started again.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { dirname, join } from "node:path";
import { start } from "./chromium.mjs";

const [, , admin, listener, config, command, ...flags] = process.argv;
const good = readFileSync(config, "utf8");
const page = await start(command, flags);

const find = (selector) => `document.querySelector(${JSON.stringify(selector)})`;
const text = (selector) => page.evaluate(`${find(selector)}.textContent`);
const shown = (selector) => `(${find(selector)}?.checkVisibility() ?? false)`;
const stateOf = (row) =>
  `document.querySelector("tbody tr:nth-child(${row}) td.state")?.textContent`;

/** Asks the balancer, so that there is something to see; returns who answered. */
async function ask(times) {
  const answered = new Set();
  for (let number = 0; number < times; number++)
    answered.add(await (await fetch(`http://${listener}/`)).text());
  return [...answered].sort();
}

const checks = {
  async loads() {
    await page.open(`http://${admin}/`);
    await page.until(
      "the stream is live",
      `document.querySelector("#link").textContent === "live"`,
    );
    await page.until("both endpoints are up", `${stateOf(1)} === "up" && ${stateOf(2)} === "up"`);
    assert.match(await text("#version"), /^\d+\.\d+\.\d+/);
    assert.equal(await text("#readiness"), "ready");
    assert.ok((await text("#facts")).includes(config));
  },

  async counts() {
    const before = Date.now();
    let seen = false;
    while (!seen && Date.now() - before < 30_000) {
      await ask(20);
      const [requests, p99] = [await text("#tiles strong"), await text("td.figure:nth-child(8)")];
      seen = parseFloat(requests) > 0 && /ms|µs/.test(p99);
    }
    assert.ok(seen, `no live figures: ${await text("#tiles")}`);
  },

  async computes() {
    // Between two statuses ten seconds apart: 90 answers within 10 ms, 10 within 1 s, 5 attempts without an answer.
    const figures =
      await page.evaluate(`import("/dashboard/rates.js").then(({ between, indexed }) => {
      const status = (uptime, requests, failures, broken, counts) => {
        const classes = { "1xx": 0, "2xx": requests - failures - broken, "3xx": 0, "4xx": 0, "5xx": broken };
        const endpoint = { name: "e", requests, failures, responses: classes, latency_counts: counts, in_flight: 3 };
        return indexed({
          uptime_seconds: uptime,
          latency_bounds_seconds: [0.01, 0.1, 1],
          listeners: [{ name: "l", requests: classes }],
          clusters: [{ name: "c", endpoints: [endpoint] }],
        });
      };
      const now = status(110, 1105, 5, 5, [990, 0, 110]);
      const figures = between(status(100, 1000, 0, 0, [900, 0, 100]), now);
      const anew = between(status(100, 9999, 0, 0, []), now).endpoint("c\\ne").rate;
      return { ...figures.totals(), endpoint: figures.endpoint("c\\ne"), anew };
    })`);
    assert.equal(figures.rate, 10);
    assert.deepEqual(figures.classes, [9.5, 0, 0, 0.5]);
    assert.deepEqual([figures.failures, figures.inFlight], [0.5, 3]);
    assert.ok(Math.abs(figures.endpoint.errorShare - 10 / 105) < 1e-9);
    // As Prometheus has it: 50 of 90 into the first bucket, 9 of 10 into the third.
    const expected = [(0.01 * 50) / 90, 0.01, 0.1 + 0.9 * 0.9];
    figures.quantiles.forEach((quantile, at) =>
      assert.ok(Math.abs(quantile - expected[at]) < 1e-9),
    );
    assert.ok(!Number.isFinite(figures.anew), "counters that began anew were taken for a rate");
  },

  async tells() {
    const [host, port] = listener.split(":");
    const refused = new Promise((resolve, reject) => {
      const asked = request({ host, port, method: "TRACE", path: "/why" }, resolve);
      asked.on("error", reject).end();
    });
    const id = (await refused).headers["x-request-id"];
    const story = `#stories li[data-id="${id}"]`;
    await page.until("the refused request is listed", shown(story));
    assert.match(await text(`${story} summary`), /405 method_not_allowed.*TRACE .*\/why/);
    await page.evaluate(`${find(`${story} summary`)}.click()`);
    await page.until("its story is told", `${find(story)}.textContent.includes(${JSON.stringify(id)})`);
  },

  async secures() {
    const [cert, files, problems] = ["#certificates", "#tls-files", "#certificate-problems"];
    await page.until("the certificate is listed", shown(`${cert} tbody tr`));
    assert.match(await text(`${cert} tbody`), /a\.test.*ECDSA P-256.*authority of a test.*listener secure/);
    assert.match(await text(`${files} tbody`), /client CAs.*ca\.pem.*listener secure/);
    assert.ok(!(await page.evaluate(shown(`${problems} tbody`))), "what can be used was refused");
    const file = join(dirname(config), "a.crt");
    const before = readFileSync(file);
    writeFileSync(file, MARKUP);
    await page.until("the problem is told", shown(`${problems} tbody tr`));
    assert.match(await text(`${problems} tbody`), /a\.crt.*listener secure.*is not PEM; what was good/);
    writeFileSync(file, before);
    await page.until("the problem goes", `!${shown(`${problems} tbody tr`)}`);
  },

  async draws() {
    // Without the chart library, which a build may lack, the page has to say so.
    const charts = await page.evaluate(
      "typeof uPlot === 'undefined' ? -1 : document.querySelectorAll('#charts canvas').length",
    );
    if (charts === -1) assert.match(await text("#charts"), /no charts/);
    else assert.equal(charts, 3);
  },

  async drains() {
    assert.deepEqual(await ask(4), ["a", "b"]);
    await page.click("tbody tr:nth-child(1) td.act button");
    await page.until("it asks first", shown("#confirm"));
    assert.match(await text("#confirm-title"), /^Drain 127\.0\.0\.1:\d+\?$/);
    await page.click("#confirm-yes");
    await page.until("it drains", `${stateOf(1)} === "draining"`);
    assert.deepEqual(await ask(4), ["b"]);
    await page.until(
      "an event tells of it",
      `/drain/.test(document.querySelector("#events").textContent)`,
    );
    await page.click("tbody tr:nth-child(1) td.act button");
    await page.click("#confirm-yes");
    await page.until("it is back", `${stateOf(1)} === "up"`);
  },

  async cancels() {
    await page.click("tbody tr:nth-child(1) td.act button");
    await page.until("it asks first", shown("#confirm"));
    await page.click("#confirm-no");
    await page.until("the question is gone", `!${shown("#confirm")}`);
    assert.deepEqual(await ask(4), ["a", "b"]);
  },

  async refuses() {
    writeFileSync(config, `'${MARKUP}' = 1\n${good}`);
    await page.click("#reload");
    await page.click("#confirm-yes");
    await page.until("it says why not", shown("#confirm-problem"));
    await page.click("#confirm-no");
    await page.until("the banner is there", shown("#refused"));
    const banner = "document.querySelector('#refused-problem')";
    assert.ok((await page.evaluate(`${banner}.textContent`)).includes(MARKUP));
    assert.equal(
      await page.evaluate(`${banner}.children.length`),
      0,
      "a problem was taken for markup",
    );
    // The browser tells of an answer that says no; that one we asked for.
    page.complaints = page.complaints.filter((complaint) => !complaint.includes("422"));
  },

  async reloads() {
    writeFileSync(config, good);
    await page.click("#reload");
    await page.click("#confirm-yes");
    await page.until("the banner goes", `!${shown("#refused")}`);
  },

  async fits() {
    for (const width of [360, 768, 1280]) {
      await page.send("Emulation.setDeviceMetricsOverride", {
        width,
        height: 800,
        deviceScaleFactor: 1,
        mobile: width < 500,
      });
      await page.until("it is laid out anew", `innerWidth === ${width}`);
      assert.ok(
        await page.evaluate("document.documentElement.scrollWidth <= innerWidth"),
        `wider than ${width} pixels`,
      );
    }
  },

  async survives() {
    assert.deepEqual(page.complaints, []);
    console.log("now stop the balancer");
    await page.until("it says that the balancer is gone", shown("#lost"), 60);
    console.log("now start it again");
    await page.until(
      "it finds the balancer again",
      `!${shown("#lost")} && document.querySelector("#link").textContent === "live"`,
      60,
    );
  },
};

const MARKUP = "<img src=x onerror=alert(1)>";

for (const [name, check] of Object.entries(checks)) {
  await check();
  console.log(name);
}
process.exit(0);
