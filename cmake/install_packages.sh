#!/usr/bin/env bash
# Installs those of the named Debian packages that are missing: cmake/install_packages.sh PACKAGE...
set -euo pipefail

say() { printf -- '-- packages: %s\n' "$*"; }

missing=()
for package in "$@"; do
  if [ "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null)" != "install ok installed" ]; then
    missing+=("$package")
  fi
done
if [ "${#missing[@]}" -eq 0 ]; then
  say "all packages are installed"
  exit 0
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    say "missing packages, and neither root nor sudo to install them. Have them installed with:"
    say "  apt-get install ${missing[*]}"
    exit 1
  fi
  as_root=(sudo)
fi
say "installing ${missing[*]}"
"${as_root[@]}" apt-get update -qq
# Never at the price of something else: another Boost, say, that other work here needs.
exec "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-remove --no-install-recommends "${missing[@]}"
