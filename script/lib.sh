# lib.sh - what the scripts share: where the project is, and how what is missing gets installed.
# Sourced, not run. Debian 12 is the baseline; packages come from the distribution and npm.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive

say() { printf '\033[1m== %s\033[0m (%d s)\n' "$*" "$SECONDS" >&2; }
die() { printf '%s\n' "$*" >&2; exit 1; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo -E "$@"
    else die "Missing packages, and neither root nor sudo to install them: $*"
    fi
}

# need_packages NAME...: installs the Debian packages that are not there yet.
need_packages() {
    local missing=() name
    for name in "$@"; do
        dpkg-query -W -f='${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed ||
            missing+=("$name")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    command -v apt-get >/dev/null ||
        die "These packages are needed (Debian's names): ${missing[*]}"
    say "installing ${missing[*]}"
    as_root apt-get update -q >&2
    as_root apt-get install -y -q --no-install-recommends "${missing[@]}" >&2
}

# Node 18 or later with npm: the machine's own, or Debian's.
need_node() {
    if command -v node >/dev/null && command -v npm >/dev/null &&
        [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 18 ]; then
        return 0
    fi
    need_packages nodejs npm
}

# need_npm FOLDER: what FOLDER's lock file says, checked by its hashes, no install scripts run.
need_npm() {
    local folder=$1
    [ "$folder/node_modules/.package-lock.json" -nt "$folder/package-lock.json" ] && return 0
    need_node
    say "npm ci in $folder"
    (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund >&2)
    touch "$folder/node_modules/.package-lock.json"
}

BUILD_PACKAGES=(gcc libc6-dev meson ninja-build pkg-config libuv1-dev libssl-dev libsodium-dev
    zlib1g-dev libbrotli-dev libpcre2-dev libmagic-dev libarchive-dev libcrypt-dev
    libcurl4-openssl-dev libexpat1-dev)
TEST_PACKAGES=(libcmocka-dev clang libclang-rt-14-dev clang-format clang-tidy curl strace
    chromium fonts-dejavu-core procps ccache faketime util-linux mount
    libvips42 libvips-tools)

# build_dashboard: ui/dist from ui/, when something in it is newer. Every build puts it into its
# binary from there (src/dashboard/meson.build), so it is made once.
build_dashboard() {
    need_node
    need_npm ui
    if [ -f ui/dist/index.html ] &&
        [ -z "$(find ui -name node_modules -prune -o -path ui/dist -prune -o -path ui/tests -prune -o \
            -type f -newer ui/dist/index.html.gz -print -quit)" ]; then
        return 0
    fi
    say "building the dashboard"
    (cd ui && npm run --silent build >&2)
}

# build_in FOLDER MESON_OPTIONS...: configures once, then compiles.
build_in() {
    local folder=$1
    shift
    if [ ! -f "$folder/build.ninja" ]; then
        meson setup "$folder" "$@" >&2
    fi
    ninja -C "$folder" >&2
}

# free_port: prints a TCP port that is free on loopback now.
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
