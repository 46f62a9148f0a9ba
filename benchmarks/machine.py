"""On what was measured."""

import os
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("fpcheck", "numpy", "h5py", "keras", "tensorflow", "blake3")
# The CPU build of TensorFlow goes by another name.
STAND_INS = {"tensorflow": "tensorflow-cpu"}
TOOLS = ("sha256sum", "h5diff")


def machine() -> dict[str, str]:
    """Processor, cores, memory, system."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory / 2**30:.0f} GiB",
        "system": platform.platform(terse=True),
    }


def versions() -> dict[str, str]:
    """Of Python, the packages and the tools."""
    found = {"python": platform.python_version()}
    found.update({name: _package(name) for name in PACKAGES})
    found.update({name: _tool(name) for name in TOOLS})
    return found


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _package(name: str) -> str:
    for candidate in (name, STAND_INS.get(name, name)):
        try:
            found = version(candidate)
        except PackageNotFoundError:
            continue
        return found if candidate == name else f"{found} ({candidate})"
    return "not installed"


def _tool(name: str) -> str:
    if shutil.which(name) is None:
        return "not installed"
    done = subprocess.run([name, "--version"], capture_output=True, text=True, check=False)
    first = done.stdout.strip().partition("\n")[0]
    return first.split()[-1] if first else "unknown"
