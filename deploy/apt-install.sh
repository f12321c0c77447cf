#!/bin/sh
# Install the Debian packages named as arguments, if any is missing. Asks no question.
# Exit status: 0 all installed, 3 this system or this user cannot install packages, else apt-get's own.
set -u

missing=
for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
        missing="$missing $package"
done
[ -z "$missing" ] && exit 0

if ! command -v apt-get >/dev/null; then
    echo "apt-get not found; install by other means:$missing" >&2
    exit 3
fi
if [ "$(id -u)" = 0 ]; then
    sudo=
elif sudo -n true 2>/dev/null; then
    sudo="sudo -n"
else
    echo "neither root nor password-free sudo; run: apt-get install$missing" >&2
    exit 3
fi

# A package must not start its daemon: Kamailio's would take port 5060 from the bridge.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap '$sudo rm -f $policy' EXIT
    trap 'exit 129' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null
    $sudo chmod 755 $policy
fi

install() {
    # shellcheck disable=SC2086  # one word per package
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
        -o DPkg::Lock::Timeout=120 $missing
}

echo "installing Debian packages:$missing"
log=$(mktemp) || exit 1
# A fresh machine has no package lists, an old one has stale ones: fetch them and try again.
if install >"$log" 2>&1 ||
    { $sudo apt-get update -q >"$log" 2>&1 && install >>"$log" 2>&1; } ||
    { sleep 5; $sudo apt-get update -q >"$log" 2>&1; install >>"$log" 2>&1; }; then
    status=0
else
    status=$?
    tail -n 30 "$log" >&2
fi
rm -f "$log"

# Nor may it start at the next boot.
for daemon in kamailio redis-server; do
    case "$missing" in
    *$daemon*) [ -d /run/systemd/system ] && $sudo systemctl disable -q $daemon.service ;;
    esac
done
exit "$status"
