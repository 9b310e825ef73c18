// Opens the page with calls of gRPC-Web in Chromium: `node grpc_web_browser.mjs ADDRESS CHROMIUM FLAG…`. Prints its verdict.

import { start } from "./chromium.mjs";

const [, , address, command, ...flags] = process.argv;
const page = await start(command, flags);
await page.open(`http://${address}/grpc_web.html`);
await page.until("the page has a verdict", `globalThis.verdict !== undefined`, 60);
console.log(await page.evaluate("verdict"));
process.exit();
