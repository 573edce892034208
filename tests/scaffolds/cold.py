"""Whether a policy loads cold on a machine that is four times slower.

usage: cold.py ROLARR MODULE

The processor time of a check with nothing in the cache is held against what a file of that size may use by
default. Processor time is counted, so a busy machine gives the same answer.
"""

import os
import re
import resource
import subprocess
import sys
import tempfile

SLOWER = 4
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def default(name):
    """A default in seconds, as the sample configuration has it."""
    with open(os.path.join(ROOT, "config.example.toml"), encoding="utf-8") as sample:
        return float(re.search(rf'^#{name} = "(\d+)s"$', sample.read(), re.MULTILINE).group(1))


rolarr, module = sys.argv[1:]
if os.path.isdir(module):
    sys.exit(f"{module} is a folder: name the file that was built")
size = os.path.getsize(module)
if module.endswith(".rhai"):
    # A script is loaded together with what runs it.
    size += os.path.getsize(os.path.join(ROOT, "policies", "prebuilt", "script.wasm"))
size /= 1 << 20
allowed = default("load_cpu") + default("load_cpu_per_mib") * size


def load():
    """Checks the module with nothing in the cache. Returns the processor time that it took, in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as cache:
        checked = subprocess.run(
            [rolarr, "policy", "check", module, "--settings", "{}"],
            env={**os.environ, "XDG_CACHE_HOME": cache},
            capture_output=True,
            text=True,
        )
    if checked.returncode != 0:
        sys.exit(f"{module} does not load:\n{checked.stdout}{checked.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


# Neighbours on the same machine cost processor time, too: the quickest of three counts, where the first is too slow.
used = load()
for _ in range(2):
    if used * SLOWER > allowed:
        used = min(used, load())
most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(
    f"{os.path.basename(module)}: {size:.1f} MiB, loaded cold in {used:.1f} s of processor time, "
    f"{allowed:.0f} s allowed, {most:.0f} MiB at most"
)
if used * SLOWER > allowed:
    sys.exit(f"a machine {SLOWER} times slower would not load it")
