import { PageBrowser } from './support/browser.ts';
import { type Demo, startDemo } from './support/demo.ts';

let demo: Demo;
let browser: PageBrowser;

beforeAll(async () => {
  [demo, browser] = await Promise.all([startDemo(), PageBrowser.launch()]);
}, 90_000);
afterAll(async () => {
  await browser.close();
  await demo[Symbol.asyncDispose]();
});

it.each(['', 'playground', 'dashboard'])('says on /%s that a simulator answers', async (path) => {
  const { page, close } = await browser.open(`${demo.url}/${path}`);
  try {
    expect(await page.getByText('A simulator answers here.').isVisible()).toBe(true);
  } finally {
    await close();
  }
});
