#!/usr/bin/env bash
# The page, driven in headless Chromium. Needs node, chromium, and pkg/ as ../build.sh makes it; the driver comes from npm.
set -euo pipefail
cd "$(dirname "$0")"
for try in 1 2 3 4 5; do
    npm ci --silent --no-audit --no-fund && break
    [ "$try" = 5 ] && { echo "no playwright-core after $try tries" >&2; exit 1; }
    sleep $((try * 10))
done
exec node page.mjs
