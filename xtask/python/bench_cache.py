"""What cached calls cost, and what it costs to look after their results, with others than us."""

import shutil

import bench_common
import diskcache
import joblib
import numpy

ARRAY = 131_072


def number(n, elements):
    return float(n + elements)


def array(n, elements):
    return numpy.full(elements, float(n))


def absent(n, elements):
    raise AssertionError("its result is stored")


def joblib_cached(folder, compute, mmap_mode=None):
    return joblib.Memory(folder / "joblib", mmap_mode=mmap_mode, verbose=0).cache(compute)


def diskcache_cached(folder, compute):
    return diskcache.Cache(folder / "diskcache").memoize(name="measured")(compute)


def arguments(kind, size):
    match kind:
        case "large":
            return [(0, size // 8)]
        case "array":
            return [(n, ARRAY) for n in range(size)]
        case _:
            return [(n, 1) for n in range(size)]


def calls(cached, all_arguments):
    bench_common.touch_memory(max(elements * 8 for _, elements in all_arguments))

    def run():
        for one in all_arguments:
            cached(*one)

    return bench_common.take(run)[1]


def miss_joblib(folder, size, kind):
    shutil.rmtree(folder / "joblib", ignore_errors=True)
    compute = number if kind == "number" else array
    return calls(joblib_cached(folder, compute), arguments(kind, size))


def hit_joblib(folder, size, kind, mmap_mode=None):
    compute = number if kind == "number" else array
    cached = joblib_cached(folder, compute, mmap_mode)
    all_arguments = arguments(kind, size)
    assert all(cached.check_call_in_cache(*one) for one in all_arguments[:3])
    return calls(cached, all_arguments)


def miss_diskcache(folder, size, kind):
    shutil.rmtree(folder / "diskcache", ignore_errors=True)
    compute = number if kind == "number" else array
    return calls(diskcache_cached(folder, compute), arguments(kind, size))


def hit_diskcache(folder, size, kind):
    return calls(diskcache_cached(folder, absent), arguments(kind, size))


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
    "miss-joblib": lambda folder, size: miss_joblib(folder, size, "number"),
    "miss-array-joblib": lambda folder, size: miss_joblib(folder, size, "array"),
    "miss-large-joblib": lambda folder, size: miss_joblib(folder, size, "large"),
    "miss-diskcache": lambda folder, size: miss_diskcache(folder, size, "number"),
    "miss-array-diskcache": lambda folder, size: miss_diskcache(folder, size, "array"),
    "miss-large-diskcache": lambda folder, size: miss_diskcache(folder, size, "large"),
    "hit-joblib": lambda folder, size: hit_joblib(folder, size, "number"),
    "hit-array-joblib": lambda folder, size: hit_joblib(folder, size, "array"),
    "hit-large-joblib": lambda folder, size: hit_joblib(folder, size, "large"),
    "hit-mapped-joblib": lambda folder, size: hit_joblib(folder, size, "large", "r"),
    "hit-diskcache": lambda folder, size: hit_diskcache(folder, size, "number"),
    "hit-array-diskcache": lambda folder, size: hit_diskcache(folder, size, "array"),
    "hit-large-diskcache": lambda folder, size: hit_diskcache(folder, size, "large"),
    "list-joblib": list_joblib,
    "list-diskcache": list_diskcache,
    "reduce-joblib": reduce_joblib,
}

if __name__ == "__main__":
    bench_common.main(OPERATIONS)
