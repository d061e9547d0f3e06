#!/bin/sh
# Brings a machine to where `make test` can run: the right Node.js, the programs that tests start, the npm packages. Does nothing when all is there.
#
#   tools/setup.sh           all of it
#   tools/setup.sh modules   Node.js and the npm packages only
#
# It never starts a service: Debian's redis-server and nginx would start at installation, and stay enabled.
set -eu
cd "$(dirname "$0")/.."
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

# package  command  what for
programs='
nftables        nft           captures connections inside the seal
iproute2        ip            interfaces and routes of the seal and of test worlds
util-linux      unshare       namespaces
util-linux      nsenter       namespaces
util-linux      setpriv       drops rights inside the seal
bsdutils        script        gives tests a terminal
curl            curl          the HTTP client of tests and the demo
busybox         busybox       telnet, nc, nslookup and wget of tests and the demo
redis-server    redis-server  the database outside, of the TCP walk-through
redis-tools     redis-cli     its client
nginx           nginx         a web server that is not ours
openssl         openssl       certificates and a TLS client that is not ours
git             git           a workload of the escape suite
openssh-client  ssh           a workload whose server speaks first
dropbear-bin    dropbear      the server that it meets, without a service of its own
procps          ps            tests that nothing was left behind
'
# What the packages above would leave running or enabled.
services='redis-server nginx'

say() { printf '%s\n' "$*" >&2; }

check_node() {
  version=$(node --version 2>/dev/null | tr -d v) || version=
  if [ -z "$version" ]; then
    say 'setup: no `node` on PATH. Sallyport needs Node.js 20.19 or newer: https://nodejs.org/en/download'
    exit 1
  fi
  major=${version%%.*} rest=${version#*.}
  if [ "$major" -lt 20 ] || { [ "$major" -eq 20 ] && [ "${rest%%.*}" -lt 19 ]; }; then
    say "setup: $(command -v node) is Node.js $version. Sallyport needs 20.19 or newer: https://nodejs.org/en/download"
    exit 1
  fi
}

missing_packages() {
  printf '%s' "$programs" | while read -r package command _; do
    [ -z "$package" ] || command -v "$command" >/dev/null 2>&1 || printf '%s\n' "$package"
  done | sort -u | tr '\n' ' '
}

# While this file answers 101, no package script starts a service. What stood there before comes back, even after an interruption.
policy=/usr/sbin/policy-rc.d
saved=/usr/sbin/policy-rc.d.sallyport-saved
restore_services() {
  if [ -e "$saved" ] || [ -L "$saved" ]; then mv -f "$saved" "$policy"; else rm -f "$policy"; fi
}
hold_services() {
  if [ ! -e "$saved" ] && [ ! -L "$saved" ]; then
    if [ -e "$policy" ] || [ -L "$policy" ]; then mv "$policy" "$saved"; fi
  fi
  trap restore_services EXIT
  trap 'exit 130' INT TERM HUP
  printf '#!/bin/sh\n# Put here by the setup of Sallyport while it installs packages; gone when it is done.\nexit 101\n' >"$policy"
  chmod 755 "$policy"
}

# Runs in a subshell of its own, so that the trap fires at its end and not at the script's.
install_packages() (
  hold_services
  export DEBIAN_FRONTEND=noninteractive
  absent=
  for service in $services; do
    [ -e "/lib/systemd/system/$service.service" ] || absent="$absent $service"
  done
  say "setup: installing $*"
  apt-get -q -o Acquire::Retries=3 update >&2
  apt-get -q -y -o Acquire::Retries=3 -o Dpkg::Options::=--force-confold install --no-install-recommends "$@" >&2
  for service in $absent; do
    # Without systemctl nothing is started at boot by what a package enables.
    if [ -e "/lib/systemd/system/$service.service" ] && command -v systemctl >/dev/null 2>&1; then
      systemctl --quiet disable "$service.service" >&2 || say "setup: $service stays enabled at boot; to change that: systemctl disable $service"
    fi
  done
)

check_programs() {
  missing=$(missing_packages)
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
    # shellcheck disable=SC2086 # a list of words
    install_packages $missing
    missing=$(missing_packages)
    [ -n "$missing" ] || return 0
    say "setup: still missing after installation: $missing"
    exit 1
  fi
  say "setup: programs from these packages are missing: $missing"
  say "setup: install them with: sudo apt-get install --no-install-recommends $missing"
  if [ "${CI:-}" = true ]; then exit 1; fi
  say 'setup: going on; what needs them will fail.'
}

# The stamp is the checksum of the lock file that node_modules was made from: times change with every checkout.
check_modules() {
  stamp=node_modules/.sallyport-lock
  wanted=$(cksum <package-lock.json)
  if [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then return 0; fi
  say 'setup: npm ci'
  npm ci --loglevel=error >&2
  printf '%s\n' "$wanted" >"$stamp"
}

check_node
if [ "${1:-all}" != modules ]; then check_programs; fi
check_modules
