#!/bin/sh
# Installs the aiomsg command: downloads the release for this machine, compares its SHA-256,
# and copies the command into a folder.
#
#   sh install.sh
#   AIOMSG_VERSION=0.1.0 AIOMSG_DIR=/usr/local/bin sh install.sh
#
# AIOMSG_VERSION  the version; the default is the latest
# AIOMSG_DIR      the folder; the default is ~/.local/bin
# AIOMSG_URL      where the archives are, in place of the releases of the repository
set -eu

repository=https://github.com/aiomsg/aiomsg-rs

fail() {
    echo "install.sh: $1" >&2
    exit 1
}

fetch() { # URL, file
    if command -v curl >/dev/null; then
        curl --fail --silent --show-error --location --output "$2" "$1"
    elif command -v wget >/dev/null; then
        wget --quiet --output-document="$2" "$1"
    else
        fail "curl or wget is needed; install one of them"
    fi || fail "$1 cannot be downloaded; is there such a release for this machine?"
}

sha256() { # file
    if command -v sha256sum >/dev/null; then
        sha256sum "$1"
    elif command -v shasum >/dev/null; then
        shasum -a 256 "$1"
    else
        fail "sha256sum or shasum is needed, to verify the download; install one of them"
    fi | cut -d ' ' -f 1
}

case $(uname -s) in
Linux) system=unknown-linux-musl ;;
Darwin) system=apple-darwin ;;
*) fail "there is no release for $(uname -s); with Rust: cargo install aiomsg-cli" ;;
esac
case $(uname -m) in
x86_64 | amd64) machine=x86_64 ;;
aarch64 | arm64) machine=aarch64 ;;
*) fail "there is no release for $(uname -m); with Rust: cargo install aiomsg-cli" ;;
esac

name=aiomsg-$machine-$system
if [ -n "${AIOMSG_URL:-}" ]; then
    from=$AIOMSG_URL
elif [ -n "${AIOMSG_VERSION:-}" ]; then
    from=$repository/releases/download/v$AIOMSG_VERSION
else
    from=$repository/releases/latest/download
fi
into=${AIOMSG_DIR:-${HOME:?install.sh: HOME is not set; set AIOMSG_DIR}/.local/bin}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fetch "$from/$name.tar.gz" "$work/$name.tar.gz"
fetch "$from/$name.tar.gz.sha256" "$work/expected"
expected=$(cut -d ' ' -f 1 "$work/expected")
found=$(sha256 "$work/$name.tar.gz")
[ -n "$expected" ] && [ "$found" = "$expected" ] ||
    fail "$name.tar.gz has the SHA-256 $found, expected $expected; the download is damaged"

tar -xzf "$work/$name.tar.gz" -C "$work"
mkdir -p "$into"
# Renamed into place: a command that runs keeps its file.
cp "$work/$name/aiomsg" "$into/.aiomsg.new"
chmod 755 "$into/.aiomsg.new"
mv "$into/.aiomsg.new" "$into/aiomsg"

echo "installed $("$into/aiomsg" --version) as $into/aiomsg"
case :$PATH: in
*:"$into":*) ;;
*) echo "note: $into is not in PATH" ;;
esac
