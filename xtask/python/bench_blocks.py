"""The mean of a file in blocks, and the sum of the positive ones among many numbers."""

import os

import bench_common
import numpy

BLOCK = 4_000_000
FEW, OFTEN = 100_000, 200


def make_data(folder, size):
    """`size` bytes of numbers between -0.5 and 0.5."""
    generator = numpy.random.default_rng(0)
    count = size // 8
    numbers = numpy.lib.format.open_memmap(folder / "numbers.npy", "w+", "<f8", (count,))
    for start in range(0, count, BLOCK):
        block = numbers[start : start + BLOCK]
        block[:] = generator.random(len(block)) - 0.5
    numbers.flush()


def mapped(folder):
    return numpy.load(folder / "numbers.npy", mmap_mode="r")


def checked(operation):
    """Does it once, timed; the mean is near zero."""
    value, sample = bench_common.take(operation)
    assert abs(value) < 0.01
    return sample


def mean_numpy(folder, size):
    numbers = mapped(folder)
    return checked(numbers.mean)


THREADS = {"scheduler": "threads", "num_workers": 2}


def mean_array(folder, size):
    """One array of the whole map, of which `from_array` makes a copy: that is a part of it."""
    import dask.array

    dask.array.ones(2).mean().compute(**THREADS)
    whole = mapped(folder)
    # Without a name of our choice it would read the file once more, to make one.
    array = dask.array.from_array
    return checked(lambda: array(whole, chunks=BLOCK, name=False).mean().compute(**THREADS))


def load_block(folder, start):
    return mapped(folder)[start : start + BLOCK]


def in_blocks(folder):
    """An array whose blocks are mapped where they are needed."""
    import dask
    import dask.array

    count = len(mapped(folder))
    load = dask.delayed(load_block)
    blocks = [
        dask.array.from_delayed(load(folder, start), (min(BLOCK, count - start),), "<f8")
        for start in range(0, count, BLOCK)
    ]
    return dask.array.concatenate(blocks)


def mean_blocks(folder, size):
    in_blocks(folder)[:2].mean().compute(**THREADS)
    return checked(lambda: in_blocks(folder).mean().compute(**THREADS))


def mean_engine(folder, size):
    from distributed import Client

    Client(os.environ["JOBLIB_BENCH_ENGINE"].replace("dask://", "tcp://"))
    in_blocks(folder)[:2].mean().compute()
    return checked(lambda: in_blocks(folder).mean().compute())


def block_sum(folder, start):
    return load_block(folder, start).sum()


def mean_loky(folder, size):
    from joblib import Parallel, delayed

    count = len(mapped(folder))
    tasks = [delayed(block_sum)(folder, start) for start in range(0, count, BLOCK)]
    with Parallel(n_jobs=2) as parallel:
        parallel(delayed(len)("") for _ in range(4))
        return checked(lambda: sum(parallel(tasks)) / count)


def positive(folder, make):
    numbers = numpy.load(folder / "numbers.npy")
    add = make()
    add(numbers[:100])
    times = OFTEN if len(numbers) <= FEW else 1

    def operation():
        for _ in range(times):
            value = add(numbers)
        return value

    value, sample = bench_common.take(operation)
    assert abs(value - len(numbers) / 8) < 0.05 * len(numbers) / 8
    return sample


def with_numpy():
    return lambda numbers: numbers[numbers > 0].sum()


def with_numba():
    import numba

    @numba.njit
    def add(numbers):
        total = 0.0
        for number in numbers:
            if number > 0:
                total += number
        return total

    return add


if __name__ == "__main__":
    bench_common.main(
        {
            "make-data": make_data,
            "mean:numpy": mean_numpy,
            "mean:array": mean_array,
            "mean:blocks": mean_blocks,
            "mean:engine": mean_engine,
            "mean:loky": mean_loky,
            "positive:numpy": lambda folder, size: positive(folder, with_numpy),
            "positive:numba": lambda folder, size: positive(folder, with_numba),
        }
    )
