"""The other side of `cargo xtask bench`: one operation, measured in this process.

    bench.py OPERATION FOLDER SIZE

Prints seconds. SIZE is a number of bytes or of tasks; memory is touched and freed first.
"""

import os
import sys
import time
from pathlib import Path

import joblib
import numpy


def nothing(n):
    return n


def make_data(folder, size):
    """Ones and noise in equal parts, as raw little-endian float64."""
    numbers = numpy.ones(size // 8, "<f8")
    half = size // 16
    numbers[half:] = numpy.random.default_rng(0).random(len(numbers) - half)
    numbers.tofile(folder / "data.f64")
    return 0.0


def touch_memory(size):
    numpy.ones(size + size // 2, "u1")


def dump(folder, size, name, write):
    value = numpy.fromfile(folder / "data.f64", "<f8")
    path = folder / name
    path.unlink(missing_ok=True)
    touch_memory(size)
    start = time.perf_counter()
    write(value, path)
    return time.perf_counter() - start


def load(folder, size, name, read):
    touch_memory(size)
    start = time.perf_counter()
    value = read(folder / name)
    seconds = time.perf_counter() - start
    assert value.nbytes == size
    return seconds


def write_plain(value, path):
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    os.posix_fallocate(file, 0, value.nbytes)
    left = memoryview(value).cast("B")
    while left:
        left = left[os.write(file, left) :]
    os.close(file)


def read_plain(path):
    value = numpy.empty(path.stat().st_size // 8, "<f8")
    with open(path, "rb", buffering=0) as file:
        left = memoryview(value).cast("B")
        while left:
            left = left[file.readinto(left) :]
    return value


def tasks(count, backend, batch_size="auto"):
    with joblib.Parallel(n_jobs=2, backend=backend, batch_size=batch_size) as parallel:
        # The workers are there before the clock starts.
        parallel(joblib.delayed(nothing)(n) for n in range(100))
        start = time.perf_counter()
        results = parallel(joblib.delayed(nothing)(n) for n in range(count))
        seconds = time.perf_counter() - start
    assert len(results) == count
    return seconds


def dump_zlib(value, path):
    joblib.dump(value, path, compress=("zlib", 3))


OPERATIONS = {
    "make-data": make_data,
    "dump-joblib": lambda folder, size: dump(folder, size, "raw.pkl", joblib.dump),
    "dump-joblib-zlib": lambda folder, size: dump(folder, size, "zlib.pkl", dump_zlib),
    "dump-numpy": lambda folder, size: dump(
        folder, size, "raw.npy", lambda value, path: numpy.save(path, value)
    ),
    "dump-plain": lambda folder, size: dump(folder, size, "plain", write_plain),
    "load-joblib": lambda folder, size: load(folder, size, "raw.pkl", joblib.load),
    "load-joblib-zlib": lambda folder, size: load(folder, size, "zlib.pkl", joblib.load),
    "load-numpy": lambda folder, size: load(folder, size, "raw.npy", numpy.load),
    "load-plain": lambda folder, size: load(folder, size, "plain", read_plain),
    "tasks-threading": lambda _, count: tasks(count, "threading"),
    "tasks-threading-one": lambda _, count: tasks(count, "threading", batch_size=1),
    "tasks-loky": lambda _, count: tasks(count, "loky"),
    "tasks-loky-one": lambda _, count: tasks(count, "loky", batch_size=1),
}

if __name__ == "__main__":
    operation, folder, size = sys.argv[1:]
    print(OPERATIONS[operation](Path(folder), int(size)))
