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

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(dirname -- "$here")
cd "$root"

policies='role-restriction script'
target=wasm32-unknown-unknown
out=$root/target/policies
prebuilt=$here/prebuilt

mode=write
case "${1-}" in
    '') ;;
    --check) mode=check ;;
    *) echo "usage: policies/build.sh [--check]" >&2; exit 2 ;;
esac

# The compiler for the target: Debian's, with its own standard library, if the committed modules are from it, so
# that they can be compared; else rustup's if it has the target; else Debian's.
debian=${ROLARR_POLICY_RUSTC_PREFIX-/usr/bin}
debian_builds() {
    [ -x "$debian/rustc" ] && [ -x "$debian/cargo" ] \
        && [ -d "$("$debian/rustc" --print sysroot)/lib/rustlib/src/rust/library" ]
}
made_by() {
    grep -qxF "compiler = \"$1\"" "$prebuilt/SOURCES.toml" 2>/dev/null
}
if debian_builds && made_by "$("$debian/rustc" --version)"; then
    rustc=$debian/rustc
    cargo=$debian/cargo
    std=yes
elif [ -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ]; then
    rustc=$(rustc --print sysroot)/bin/rustc
    cargo=cargo
    std=
elif debian_builds; then
    rustc=$debian/rustc
    cargo=$debian/cargo
    std=yes
else
    echo "no compiler for $target: run \`rustup target add $target\`," >&2
    echo "or on Debian \`apt-get install rustc-web cargo-web rust-web-src lld-19\`" >&2
    exit 2
fi
version=$("$rustc" --version)

# No path of this machine may end up in a module. Panic messages would carry them.
sources=$("$rustc" --print sysroot)/lib/rustlib/src/rust
flags="--remap-path-prefix=$root=/rolarr"
flags="$flags --remap-path-prefix=${CARGO_HOME-$HOME/.cargo}=/cargo"
flags="$flags --remap-path-prefix=$sources=/rust"
flags="$flags --remap-path-prefix=$(readlink -f "$sources")=/rust"

# A hash function in the script runner's dependencies takes its keys from chance when it is compiled, or from this:
# with it the same sources give the same module.
export CONST_RANDOM_SEED=rolarr

build() {
    if [ -n "$std" ]; then
        # Debian's std is built here, which needs a nightly option: RUSTC_BOOTSTRAP allows it.
        RUSTC_BOOTSTRAP=1 RUSTC=$rustc RUSTFLAGS=$flags CARGO_TARGET_DIR=$out \
            "$cargo" build --locked --profile policy --target "$target" -Zbuild-std=std,panic_abort \
            --config "target.$target.linker=\"wasm-ld-19\"" -p "$1"
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

record=$(mktemp)
trap 'rm -f "$record"' EXIT
{
    echo '# What the modules in this folder were built from. Written by policies/build.sh.'
    echo "compiler = \"$version\""
} >"$record"

mkdir -p "$prebuilt"
failed=
if [ "$mode" = check ]; then
    for policy in $policies; do
        recorded=$(sed -n "/^\\[$policy\\]\$/,/^\$/s/^sources = \"\\(.*\\)\"\$/\\1/p" "$prebuilt/SOURCES.toml")
        if [ "$recorded" != "$(digest_of_sources "$policy")" ]; then
            echo "$policy: its sources changed since its module was built: run policies/build.sh" >&2
            failed=yes
        fi
    done
    [ -z "$failed" ] || exit 1
fi

for policy in $policies; do
    build "$policy"
    module=$out/$target/policy/$(echo "$policy" | tr - _).wasm
    if grep -aqF -e "$root" -e "$HOME" "$module"; then
        echo "$policy: a path of this machine is in the module" >&2
        exit 1
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

if [ "$mode" = write ]; then
    cp "$record" "$prebuilt/SOURCES.toml"
    chmod 644 "$prebuilt/SOURCES.toml"
fi
[ -z "$failed" ]
