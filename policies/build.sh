#!/bin/sh
# Builds the policies of this folder into policies/prebuilt/.
#
#   policies/build.sh            build, and write the modules and SOURCES.toml
#   policies/build.sh --check    fail if a committed module is not what its sources give
#
# With a Rust that has the target wasm32-unknown-unknown (`rustup target add wasm32-unknown-unknown`) that is
# all it needs. Where the target can't be fetched, Debian's packages build the standard library from source:
# `apt-get install rustc-web cargo-web rust-web-src lld-19`.
#
# SOURCES.toml says which sources and which compiler made the committed modules. --check compares the sources
# first, whatever the compiler. Two compilers give two modules: with the same compiler --check also compares the
# modules byte by byte, with another one it only builds. Whether a module does what its sources do is checked by
# the test `recorded_events` with every compiler.
set -eu

# Every failure says what was being done: `set -e` alone ends without a word where a command inside `$(...)` fails.
doing='reading the arguments'
record=
explained=
finish() {
    status=$?
    [ -z "$record" ] || rm -f "$record"
    [ "$status" -eq 0 ] || [ -n "$explained" ] \
        || echo "policies/build.sh: failed while $doing (exit code $status)" >&2
}
# Ends with an exit code and a message.
fail() {
    explained=yes
    code=$1
    shift
    printf '%s\n' "$@" >&2
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

mode=write
case "${1-}" in
    '') ;;
    --check) mode=check ;;
    *) fail 2 'usage: policies/build.sh [--check]' ;;
esac

doing='looking for its folder'
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(dirname -- "$here")
cd "$root"

policies='role-restriction script'
target=wasm32-unknown-unknown
out=$root/target/policies
prebuilt=$here/prebuilt

doing='looking for the tools that it needs'
missing=
for tool in cmp cut find grep mktemp readlink sed sha256sum sort tr wc xargs; do
    command -v "$tool" >/dev/null || missing="$missing $tool"
done
[ -z "$missing" ] || fail 2 "please install:$missing"

# The compiler for the target: Debian's, with its own standard library, if the committed modules are from it, so
# that they can be compared; else rustup's if it has the target; else Debian's.
doing='looking for a compiler'
debian=${ROLARR_POLICY_RUSTC_PREFIX-/usr/bin}
linker=wasm-ld-19
lacks=
debian_builds() {
    lacks=
    [ -x "$debian/rustc" ] || return 1
    sysroot=$("$debian/rustc" --print sysroot 2>/dev/null) || return 1
    [ -d "$sysroot/lib/rustlib/src/rust/library" ] || return 1
    # A compiler with its sources and without the rest is half of Debian's packages.
    [ -x "$debian/cargo" ] || lacks="$debian/cargo (package cargo-web)"
    command -v "$linker" >/dev/null || lacks="$lacks${lacks:+ and }$linker (package lld-19)"
    [ -z "$lacks" ]
}
made_by() {
    grep -qxF "compiler = \"$1\"" "$prebuilt/SOURCES.toml" 2>/dev/null
}
rustup_sysroot=
if command -v rustc >/dev/null && command -v cargo >/dev/null; then
    rustup_sysroot=$(rustc --print sysroot) || rustup_sysroot=
fi
if debian_builds && made_by "$("$debian/rustc" --version)"; then
    rustc=$debian/rustc
    cargo=$debian/cargo
    std=yes
elif [ -n "$rustup_sysroot" ] && [ -d "$rustup_sysroot/lib/rustlib/$target/lib" ]; then
    rustc=$rustup_sysroot/bin/rustc
    cargo=cargo
    std=
elif debian_builds; then
    rustc=$debian/rustc
    cargo=$debian/cargo
    std=yes
else
    fail 2 "no compiler for $target: run \`rustup target add $target\`," \
        'or on Debian `apt-get install rustc-web cargo-web rust-web-src lld-19`' \
        ${lacks:+"($debian/rustc is there, what is missing is $lacks)"}
fi
doing="asking $rustc for its version"
version=$("$rustc" --version)

# No path of this machine may end up in a module. Panic messages would carry them. The sources of the standard
# library may not be there: then the compiler names them by its commit, and with them it is told to do the same.
doing='looking for the sources of the standard library'
sources=$("$rustc" --print sysroot)/lib/rustlib/src/rust
commit=$("$rustc" -vV | sed -n 's/^commit-hash: \([0-9a-f]*\)$/\1/p')
named=/rust
if [ -z "$std" ] && [ -n "$commit" ]; then
    named=/rustc/$commit
fi
registry=${CARGO_HOME:-${HOME:+$HOME/.cargo}}
flags="--remap-path-prefix=$root=/rolarr"
[ -z "$registry" ] || flags="$flags --remap-path-prefix=$registry=/cargo"
if [ -d "$sources" ]; then
    flags="$flags --remap-path-prefix=$sources=$named"
    resolved=$(readlink -f "$sources")
    [ "$resolved" = "$sources" ] || flags="$flags --remap-path-prefix=$resolved=$named"
fi

# A hash function in the script runner's dependencies takes its keys from chance when it is compiled, or from this:
# with it the same sources give the same module.
export CONST_RANDOM_SEED=rolarr

build() {
    if [ -n "$std" ]; then
        # Debian's std is built here, which needs a nightly option: RUSTC_BOOTSTRAP allows it.
        RUSTC_BOOTSTRAP=1 RUSTC=$rustc RUSTFLAGS=$flags CARGO_TARGET_DIR=$out \
            "$cargo" build --locked --profile policy --target "$target" -Zbuild-std=std,panic_abort \
            --config "target.$target.linker=\"$linker\"" -p "$1"
    else
        RUSTC=$rustc RUSTFLAGS=$flags CARGO_TARGET_DIR=$out \
            "$cargo" build --locked --profile policy --target "$target" -p "$1"
    fi
}

# What a policy is built from: its own files, the SDK and the contract. Tests are no part of it, nor are scripts and
# pages, nor is Cargo.lock: it changes with every dependency of the host.
digest_of_sources() {
    find "policies/$1" policies/sdk/src policies/sdk/Cargo.toml wit/policy.wit \
        -type f ! -path '*/tests/*' ! -name tests.rs ! -name '*.rhai' ! -name '*.md' | LC_ALL=C sort | xargs sha256sum \
        | sha256sum | cut -d' ' -f1
}

doing='making a temporary file'
record=$(mktemp)
{
    echo '# What the modules in this folder were built from. Written by policies/build.sh.'
    echo "compiler = \"$version\""
} >"$record"

mkdir -p "$prebuilt"
failed=
doing='comparing the sources with those of the committed modules'
if [ "$mode" = check ]; then
    for policy in $policies; do
        recorded=$(sed -n "/^\\[$policy\\]\$/,/^\$/s/^sources = \"\\(.*\\)\"\$/\\1/p" "$prebuilt/SOURCES.toml")
        if [ "$recorded" != "$(digest_of_sources "$policy")" ]; then
            echo "$policy: its sources changed since its module was built: run policies/build.sh" >&2
            failed=yes
        fi
    done
    [ -z "$failed" ] || { explained=yes; exit 1; }
fi

for policy in $policies; do
    doing="building $policy with $version"
    build "$policy"
    doing="looking at the module of $policy"
    module=$out/$target/policy/$(echo "$policy" | tr - _).wasm
    [ -f "$module" ] || fail 1 "$policy: cargo built no $module"
    # Where the home is the root folder, or not known, every path would be one within it.
    home=${HOME:-/}
    if grep -aqF -e "$root" "$module" || { [ "$home" != / ] && grep -aqF -e "$home/" "$module"; }; then
        fail 1 "$policy: a path of this machine is in the module"
    fi
    digest=$(sha256sum "$module" | cut -d' ' -f1)
    {
        echo
        echo "[$policy]"
        echo "module = \"$digest\""
        echo "sources = \"$(digest_of_sources "$policy")\""
    } >>"$record"
    if [ "$mode" = write ]; then
        cp "$module" "$prebuilt/$policy.wasm"
        chmod 644 "$prebuilt/$policy.wasm"
        echo "$policy: $(wc -c <"$module") bytes, $digest"
    elif ! made_by "$version"; then
        echo "$policy: builds with $version; the committed module is from another compiler, not compared"
    elif cmp -s "$module" "$prebuilt/$policy.wasm"; then
        echo "$policy: the committed module is what its sources give"
    else
        echo "$policy: the committed module is not what its sources give: run policies/build.sh" >&2
        failed=yes
    fi
done

doing='writing SOURCES.toml'
if [ "$mode" = write ]; then
    cp "$record" "$prebuilt/SOURCES.toml"
    chmod 644 "$prebuilt/SOURCES.toml"
fi
[ -z "$failed" ] || { explained=yes; exit 1; }
