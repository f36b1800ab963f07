#!/bin/sh
# Chromium for tests/browser, from the system's packages: playwright's own download is a build that a closed
# network does not reach. `make test` calls this; without a browser those tests are skipped, and fail in .ci/run.
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "no Chromium here: the tests of the page are skipped; as root: apt-get install chromium" >&2
    exit 0
fi
echo "installing Chromium for the tests of the page; a minute or so"
# A fresh machine has no lists of packages, or another apt holds the lock while it starts.
apt() { DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120 "$@" 2>&1; }
# Fonts by name: they come as a recommendation only, and a page without any has no width.
install() { apt install -y --no-install-recommends chromium fonts-liberation; }
said=$(install || { apt update && install; }) ||
    echo "Chromium could not be installed: the tests of the page are skipped; $(echo "$said" | tail -n 1)" >&2
exit 0
