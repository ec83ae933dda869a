"""What cached calls cost, and what it costs to look after their results, with others than us."""

import shutil
from concurrent import futures
from functools import partial

import bench_common
import cachier
import diskcache
import joblib
import numpy

# Threads or processes at once.
CROWD = 8

SIZES = [8, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000]

# Elements of an array of 100 MB.
LARGE = 12_500_000


# How many results were computed in this process.
computed = 0


def number(n, elements):
    global computed
    computed += 1
    return float(n + elements)


def array(n, elements):
    global computed
    computed += 1
    return numpy.full(elements, float(n))


def twice(values):
    return values * 2.0


def with_joblib(folder, compute):
    return joblib.Memory(folder / "joblib", verbose=0).cache(compute)


def with_joblib_mapped(folder, compute):
    return joblib.Memory(folder / "joblib", mmap_mode="r", verbose=0).cache(compute)


def with_diskcache(folder, compute):
    return diskcache.Cache(folder / "diskcache").memoize(name="measured")(compute)


def with_cachier(folder, compute):
    # All results in one file would be read and written at each call.
    return cachier.cachier(cache_dir=folder / "cachier", separate_files=True)(compute)


# How a function is cached, and the folder below ours where that keeps its results.
CACHES = {
    "joblib": (with_joblib, "joblib"),
    "joblib-mapped": (with_joblib_mapped, "joblib"),
    "diskcache": (with_diskcache, "diskcache"),
    "cachier": (with_cachier, "cachier"),
}


def calls(make, compute, elements, folder, size):
    bench_common.touch_memory(elements * 8)
    cached = make(folder, compute)

    def run():
        for n in range(size):
            cached(n, elements)

    return bench_common.take(run)[1]


def misses(make, name, compute, elements, folder, size):
    shutil.rmtree(folder / name, ignore_errors=True)
    return calls(make, compute, elements, folder, size)


def hits(make, compute, elements, folder, size):
    sample = calls(make, compute, elements, folder, size)
    assert computed == 0, "its result is stored"
    return sample


def of_large(fresh, folder, _):
    if fresh:
        shutil.rmtree(folder / "joblib", ignore_errors=True)
    values = array(0, LARGE)
    cached = with_joblib_mapped(folder, twice)
    return bench_common.take(lambda: cached(values))[1]


def ask(folder, share):
    cached = with_joblib(folder, number)
    for n in share:
        cached(n, 1)


def hit_crowd(executor, folder, size):
    shares = [range(member, size, CROWD) for member in range(CROWD)]
    with executor(CROWD) as pool:
        list(pool.map(abs, range(CROWD)))  # all of them are there
        return bench_common.take(lambda: list(pool.map(partial(ask, folder), shares)))[1]


def hash_array(_, size):
    bench_common.touch_memory(size)
    values = numpy.resize(numpy.arange(251, dtype=numpy.uint8), size)
    return bench_common.take(lambda: joblib.hash(values))[1]


def hash_small(_, size):
    def run():
        for n in range(size):
            joblib.hash((n, "ridge", 0.5))

    return bench_common.take(run)[1]


def list_joblib(folder, size):
    memory = joblib.Memory(folder / "joblib", verbose=0)
    items, sample = bench_common.take(memory.store_backend.get_items)
    assert len(items) == size
    return sample


def list_diskcache(folder, size):
    cache = diskcache.Cache(folder / "diskcache")
    items, sample = bench_common.take(lambda: list(cache.iterkeys()))
    assert len(items) == size
    return sample


def reduce_joblib(folder, _):
    memory = joblib.Memory(folder / "joblib", verbose=0)
    count = len(memory.store_backend.get_items())
    left = count - count // 100
    _, sample = bench_common.take(lambda: memory.reduce_size(items_limit=left))
    assert len(memory.store_backend.get_items()) <= left
    return sample


OPERATIONS = {
    "make-data": lambda folder, size: None,
    "miss:of-large:joblib": partial(of_large, True),
    "hit:of-large:joblib": partial(of_large, False),
    "hit:threads:joblib": partial(hit_crowd, futures.ThreadPoolExecutor),
    "hit:processes:joblib": partial(hit_crowd, futures.ProcessPoolExecutor),
    "hash:array:joblib": hash_array,
    "hash:small:joblib": hash_small,
    "list:joblib": list_joblib,
    "list:diskcache": list_diskcache,
    "reduce:joblib": reduce_joblib,
}

RESULTS = {"number": (number, 1)} | {str(size): (array, size // 8) for size in SIZES}

for result, (compute, elements) in RESULTS.items():
    for cache, (make, place) in CACHES.items():
        miss = partial(misses, make, place, compute, elements)
        OPERATIONS[f"miss:{result}:{cache}"] = miss
        OPERATIONS[f"hit:{result}:{cache}"] = partial(hits, make, compute, elements)

if __name__ == "__main__":
    bench_common.main(OPERATIONS)
