"""Each compressor alone, through the files that joblib wraps around Python's modules."""

import bench_common
import numpy
import zstandard
from joblib.compressor import _COMPRESSORS

WRITTEN = 16 << 20  # what joblib takes of an array at a time
READ = 256 << 10  # and into the buffer of a file
LEVELS = {"zlib": 3, "gzip": 3, "bz2": 9, "lzma": None, "xz": None, "lz4": None}


def make_data(folder, size):
    """Measurements with noise down to the last bit, counts, and numbers written as text."""
    random = numpy.random.default_rng(0)
    random.standard_normal(size // 8).tofile(folder / "floats")
    random.poisson(20, size // 8).astype("<i8").tofile(folder / "integers")
    with open(folder / "text", "wb") as file:
        while file.tell() < size:
            rows = random.integers(0, 100_000, (10_000, 4))
            lines = (b"%d,%d,%d,%d\n" % tuple(row) for row in rows.tolist())
            file.write(b"".join(lines)[: size - file.tell()])


def opened(path, codec, mode):
    if codec == "zstd":
        return zstandard.open(path, mode)
    wrapper = _COMPRESSORS[codec]
    file = open(path, mode)
    if mode == "rb":
        return wrapper.decompressor_file(file)
    level = {} if LEVELS[codec] is None else {"compresslevel": LEVELS[codec]}
    return wrapper.compressor_file(file, **level)


def copy(data, path, codec):
    with opened(path, codec, "wb") as file:
        for start in range(0, len(data), WRITTEN):
            file.write(data[start : start + WRITTEN])


def write(folder, name, codec):
    data = memoryview((folder / name).read_bytes())
    path = folder / f"{name}.{codec}.python"
    bench_common.touch_memory(len(data))
    _, sample = bench_common.take(lambda: copy(data, path, codec))
    return sample | {"disk": path.stat().st_size}


def fill(buffer, path, codec):
    with opened(path, codec, "rb") as file:
        at = 0
        while at < len(buffer):
            piece = file.read(min(READ, len(buffer) - at))
            buffer[at : at + len(piece)] = piece
            at += len(piece)


def read(folder, size, name, codec):
    bench_common.touch_memory(size)
    path = folder / f"{name}.{codec}.python"
    _, sample = bench_common.take(lambda: fill(memoryview(bytearray(size)), path, codec))
    return sample


def run(operation, folder, size):
    if operation == "make-data":
        return make_data(folder, size)
    verb, name, codec = operation.split("-")
    return write(folder, name, codec) if verb == "write" else read(folder, size, name, codec)


class Operations(dict):
    def __missing__(self, operation):
        return lambda folder, size: run(operation, folder, size)


if __name__ == "__main__":
    bench_common.main(Operations())
