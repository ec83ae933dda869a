"""Two scenes, arrays and photographs, kept and read back by others than us."""

import pickle
import time

import bench_common
import joblib
import numpy
import zstandard
from safetensors import numpy as safetensors

TILE = (256, 256, 3)
PHOTOS = "astronaut chelsea coffee hubble_deep_field immunohistochemistry retina rocket".split()


def make_arrays(folder, size):
    """Two square arrays: ones, and noise."""
    numbers = numpy.ones(size // 8, "<f8")
    half = size // 16
    numbers[half:] = numpy.random.default_rng(0).random(len(numbers) - half)
    numbers.tofile(folder / "arrays.raw")


def make_images(folder, size):
    """Photographs cut into squares, none of them twice; at most `size` bytes."""
    from skimage import data

    tiles = []
    for photo in (getattr(data, name)() for name in PHOTOS):
        for top in range(0, photo.shape[0] - 255, 256):
            tiles += [photo[top : top + 256, left : left + 256, :3]
                      for left in range(0, photo.shape[1] - 255, 256)]
    most = max(1, size // numpy.prod(TILE))
    numpy.stack(tiles[:most]).tofile(folder / "images.raw")


def value(folder, scene):
    if scene == "images":
        return numpy.fromfile(folder / "images.raw", "u1").reshape(-1, *TILE)
    numbers = numpy.fromfile(folder / "arrays.raw", "<f8")
    side = int((len(numbers) // 2) ** 0.5)
    square = side * side
    return [numbers[:square].reshape(side, side), numbers[square : 2 * square].reshape(side, side)]


def named(value):
    arrays = value if isinstance(value, list) else [value]
    return {f"array{number}": array for number, array in enumerate(arrays)}


def write_pickle(value, path):
    with open(path, "wb") as file:
        pickle.dump(value, file, 5)


def read_pickle(path):
    with open(path, "rb") as file:
        return pickle.load(file)


def write_zstd(value, path):
    with zstandard.open(path, "wb", zstandard.ZstdCompressor(3)) as file:
        pickle.dump(value, file, 5)


def read_zstd(path):
    with zstandard.open(path, "rb") as file:
        return pickle.load(file)


def write_joblib(codec):
    return lambda value, path: joblib.dump(value, path, compress=codec)


WAYS = {
    "joblib": (joblib.dump, joblib.load),
    "pickle": (write_pickle, read_pickle),
    "numpy": (
        lambda value, path: numpy.savez(path, **named(value)),
        lambda path: dict(numpy.load(path)),
    ),
    "numpyz": (
        lambda value, path: numpy.savez_compressed(path, **named(value)),
        lambda path: dict(numpy.load(path)),
    ),
    "safetensors": (
        lambda value, path: safetensors.save_file(named(value), path),
        safetensors.load_file,
    ),
    "picklezstd": (write_zstd, read_zstd),
    "joblibmap": (joblib.dump, lambda path: joblib.load(path, mmap_mode="r")),
} | {
    f"joblib{codec[0]}": (write_joblib(codec), joblib.load)
    for codec in [("zlib", 3), ("gzip", 3), ("bz2", 9), ("lzma", 6), ("xz", 6), ("lz4", 1)]
}


def timeline(write, read, folder, path, size):
    """Makes arrays, dumps them, forgets and loads them, and says when."""

    def say(word):
        print(word, flush=True)
        time.sleep(0.02)  # long enough to be seen from outside

    bench_common.touch_memory(size)
    say("ready")
    data = value(folder, "arrays")
    say("dumping")
    write(data, path)
    del data
    say("loading")
    data = read(path)
    say("done")


def run(operation, folder, size):
    if operation == "make-data":
        return make_arrays(folder, size) or make_images(folder, size)
    verb, scene, way = operation.split("-")
    write, read = WAYS[way]
    path = folder / f"{scene}.{way}.npz"
    if verb == "timeline":
        return timeline(write, read, folder, path, size)
    if verb == "load":
        bench_common.touch_memory(size)
        _, sample = bench_common.take(lambda: read(path))
        return sample
    data = value(folder, scene)
    path.unlink(missing_ok=True)
    bench_common.touch_memory(size)
    _, sample = bench_common.take(lambda: write(data, path))
    return sample | {"disk": path.stat().st_size}


class Operations(dict):
    def __missing__(self, operation):
        return lambda folder, size: run(operation, folder, size)


if __name__ == "__main__":
    bench_common.main(Operations())
