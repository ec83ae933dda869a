"""What the other sides of `cargo xtask bench` share.

Each script is called as `SCRIPT OPERATION FOLDER SIZE`, does the operation in this process, and
prints one line: `seconds=0.1 memory=1000 disk=2000`, bytes beyond what was there before at the peak,
and bytes of the files it left, both left out if unknown.
"""

import sys
import time
from pathlib import Path

import numpy


def touch_memory(size):
    """Half as much again as the operation needs, written once and given back."""
    numpy.ones(size + size // 2, "u1")


def take(operation):
    """The value of `operation()`, and what it took."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak becomes what is in use now
    before = status("VmRSS:")
    start = time.perf_counter()
    value = operation()
    seconds = time.perf_counter() - start
    return value, {"seconds": seconds, "memory": max(0, status("VmHWM:") - before)}


def status(field):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(field))


def main(operations):
    """Does what the command line asks for; an operation returns what `take` does."""
    operation, folder, size = sys.argv[1:]
    sample = operations[operation](Path(folder), int(size)) or {"seconds": 0.0}
    print(*(f"{name}={number}" for name, number in sample.items()))
