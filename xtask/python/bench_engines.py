"""joblib's own backends on engines, and `dask.delayed` on threads."""

import operator
import os
import time
import urllib.parse

import bench_common
import numpy
from joblib import Parallel, delayed, parallel_config

TASKS = 100


# Found on engines without this file.
nothing, look = abs, operator.getitem


def connect():
    """Makes the engine of the variable joblib's backend, with two workers that have done something."""
    scheme, place = os.environ["JOBLIB_BENCH_ENGINE"].split("://")
    place = urllib.parse.urlsplit("//" + place).netloc if scheme != "ipyparallel" else place
    if scheme == "dask":
        from distributed import Client

        Client(f"tcp://{place}")
        config = parallel_config("dask", n_jobs=2)
    elif scheme == "ipyparallel":
        import ipyparallel
        from ipyparallel.joblib import register

        register()
        client = ipyparallel.Client(place)
        client.wait_for_engines(2)  # with one that it knows, joblib would run all tasks here
        view = client.load_balanced_view()
        config = parallel_config("ipyparallel", n_jobs=2, view=view)
    else:
        import ray
        from ray.util.joblib import register_ray

        ray.init(address=place, log_to_driver=False)
        register_ray()
        config = parallel_config("ray", n_jobs=2)
    Parallel(batch_size=1)(delayed(nothing)(n) for n in range(20))
    return config


def tiny(batch):
    def operation(folder, size):
        connect()
        batch_size = batch if batch == "auto" else int(batch)
        tasks = (delayed(nothing)(n) for n in range(size))
        results, sample = bench_common.take(lambda: Parallel(batch_size=batch_size)(tasks))
        assert len(results) == size
        return sample

    return operation


def warm(folder, size):
    connect()
    start = time.perf_counter()
    for n in range(size):
        Parallel()([delayed(nothing)(n)])
    return {"seconds": time.perf_counter() - start}


def give(folder, size):
    connect()
    array = numpy.ones(size // 8)
    tasks = (delayed(look)(array, at) for at in range(TASKS))
    results, sample = bench_common.take(lambda: Parallel()(tasks))
    assert results == [1.0] * TASKS
    return sample


def computed(wanted):
    import dask

    def compute():
        return wanted().compute(scheduler="threads", num_workers=2)

    dask.delayed(nothing)(0).compute(scheduler="threads", num_workers=2)
    return bench_common.take(compute)


def add(left, right):
    return left + right


def tree(folder, size):
    from dask import delayed as lazy

    leaves = max(1, size // 2)

    def wanted():
        level = [lazy(nothing, pure=False)(n) for n in range(leaves)]
        while len(level) > 1:
            pairs = zip(level[::2], level[1::2])
            rest = level[len(level) // 2 * 2 :]
            level = [lazy(add, pure=False)(left, right) for left, right in pairs] + rest
        return level[0]

    value, sample = computed(wanted)
    assert value == leaves * (leaves - 1) // 2
    return sample


def chain(folder, size):
    from dask import delayed as lazy

    def wanted():
        ends = [lazy(nothing, pure=False)(n) for n in range(100)]
        for _ in range(1, size // 100):
            ends = [lazy(add, pure=False)(end, 1) for end in ends]
        return lazy(sum, pure=False)(ends)

    value, sample = computed(wanted)
    assert value == 100 * 99 // 2 + 100 * (size // 100 - 1)
    return sample


if __name__ == "__main__":
    bench_common.main(
        {
            "make-data": lambda folder, size: None,
            "tiny:1": tiny("1"),
            "tiny:auto": tiny("auto"),
            "warm": warm,
            "give": give,
            "tree": tree,
            "chain": chain,
        }
    )
