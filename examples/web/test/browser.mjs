/** Chromium, set up for tests: no calls home, a profile of its own, software WebGPU where it is asked for. */
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

/** The page's folder. */
export const folder = fileURLToPath(new URL('..', import.meta.url));

/** @param {{webgpu?: boolean}} [options] */
export function launch({ webgpu = false } = {}) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...(webgpu ? ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'] : ['--disable-gpu']),
    ],
    timeout: 30_000,
  });
}
