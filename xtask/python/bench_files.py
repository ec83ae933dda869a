"""One array to a file and back, by others than us."""

import io
import os
import pickle

import bench_common
import joblib
import numpy


def make_data(folder, size):
    """Ones and noise in equal parts, as raw little-endian float64."""
    numbers = numpy.ones(size // 8, "<f8")
    half = size // 16
    numbers[half:] = numpy.random.default_rng(0).random(len(numbers) - half)
    numbers.tofile(folder / "data.f64")


def dump(folder, size, name, write):
    value = numpy.fromfile(folder / "data.f64", "<f8")
    path = folder / name
    path.unlink(missing_ok=True)
    bench_common.touch_memory(size)
    _, sample = bench_common.take(lambda: write(value, path))
    return sample | {"disk": path.stat().st_size}


def load(folder, size, name, read):
    bench_common.touch_memory(size)
    value, sample = bench_common.take(lambda: read(folder / name))
    assert value.nbytes == size
    return sample


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


def dump_zlib(value, path):
    joblib.dump(value, path, compress=("zlib", 3))


def open_mapped(folder, count):
    path = folder / "mapped.pkl"
    joblib.dump(numpy.zeros(5_000_000), path)

    def open_all():
        for _ in range(count):
            joblib.load(path, mmap_mode="r")

    open_all()
    return bench_common.take(open_all)[1]


def dictionary(folder, count, write, read):
    """Writes to or reads from memory, the second time when it is warm."""
    entries = {f"key {number}": number for number in range(count)}
    if read is None:
        write(entries, io.BytesIO())
        return bench_common.take(lambda: write(entries, io.BytesIO()))[1]
    file = io.BytesIO()
    write(entries, file)
    read(io.BytesIO(file.getvalue()))
    return bench_common.take(lambda: read(io.BytesIO(file.getvalue())))[1]


def write_pickle(value, file):
    pickle.dump(value, file, 5)


OPERATIONS = {
    "open-joblib": open_mapped,
    "dump-dictionary-joblib": lambda folder, size: dictionary(folder, size, joblib.dump, None),
    "load-dictionary-joblib": lambda folder, size: dictionary(
        folder, size, joblib.dump, joblib.load
    ),
    "dump-dictionary-pickle": lambda folder, size: dictionary(folder, size, write_pickle, None),
    "load-dictionary-pickle": lambda folder, size: dictionary(
        folder, size, write_pickle, pickle.load
    ),
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
}

if __name__ == "__main__":
    bench_common.main(OPERATIONS)
