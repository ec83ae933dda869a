"""What a task costs when Python joblib or the standard library runs it."""

import concurrent.futures
import contextlib
import math
import time

import bench_common
import joblib
import numpy


# Closed in good order at the end.
POOLS = contextlib.ExitStack()


def nothing(n):
    return n


def nap(_):
    time.sleep(0.05)


def parallel(backend, batch_size="auto", n_jobs=2):
    """A pool whose workers are there."""
    pool = joblib.Parallel(n_jobs=n_jobs, backend=backend, batch_size=batch_size)
    POOLS.enter_context(pool)
    pool(joblib.delayed(nap)(n) for n in range(2))
    return pool


def repeated(count, run):
    """Few tasks again and again, and the mean."""
    # joblib looks for results every 10 ms: more repeats would only take longer.
    repeats = min(max(20_000 // max(count, 1), 1), 5)

    def all():
        for _ in range(repeats - 1):
            run()
        return run()

    results, sample = bench_common.take(all)
    assert len(results) == count
    return {**sample, "seconds": sample["seconds"] / repeats}


def part(sample, parts):
    """A part of the tasks was done."""
    return {**sample, "seconds": sample["seconds"] * parts}


def tiny(count, backend, batch_size, parts):
    count = count // int(parts)
    batch_size = batch_size if batch_size == "auto" else int(batch_size)
    pool = parallel(backend, batch_size)
    sample = repeated(count, lambda: pool(joblib.delayed(nothing)(n) for n in range(count)))
    return part(sample, int(parts))


def tiny_executor(count, kind, parts):
    count = count // int(parts)
    chunk = 1000 if kind == "chunks" else 1
    pool = executor(kind)
    run = lambda: list(pool.map(nothing, range(count), chunksize=chunk))
    return part(repeated(count, run), int(parts))


def executor(kind):
    threads = kind == "threads"
    futures = concurrent.futures
    kind = futures.ThreadPoolExecutor if threads else futures.ProcessPoolExecutor
    pool = POOLS.enter_context(kind(2))
    list(pool.map(nap, range(2)))
    return pool


def cold(_, who):
    if who == "loky":
        run = lambda: joblib.Parallel(n_jobs=2)(joblib.delayed(nothing)(n) for n in range(2))
    else:
        pool = POOLS.enter_context(concurrent.futures.ProcessPoolExecutor(2))
        run = lambda: list(pool.map(nothing, range(2)))
    results, sample = bench_common.take(run)
    assert results == [0, 1]
    return sample


def warm(calls, who, parts=1):
    calls = calls // int(parts)
    if who == "executor":
        pool = executor("processes")
        call = lambda: list(pool.map(nothing, range(2)))
    else:
        pool = parallel(who)
        call = lambda: pool(joblib.delayed(nothing)(n) for n in range(2))
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return {"seconds": (time.perf_counter() - start) * int(parts)}


def look(array, at):
    return array[at]


def give(size, backend):
    bench_common.touch_memory(2 * size)
    pool = parallel(backend)
    array = numpy.ones(size // 8)
    run = lambda: pool(joblib.delayed(look)(array, at) for at in range(100))
    results, sample = bench_common.take(run)
    assert results == [1.0] * 100
    return sample


def make(value, length):
    return numpy.full(length, float(value))


def take(size, backend):
    bench_common.touch_memory(size)
    pool = parallel(backend)
    run = lambda: pool(joblib.delayed(make)(value, size // 400) for value in range(50))
    results, sample = bench_common.take(run)
    assert all(len(array) == size // 400 for array in results)
    return sample


def stream(size, backend):
    def read():
        tasks = (joblib.delayed(make)(value, size // 400) for value in range(50))
        total = 0.0
        for array in joblib.Parallel(n_jobs=2, backend=backend, return_as="generator")(tasks):
            time.sleep(0.01)
            total += array[0]
        return total

    total, sample = bench_common.take(read)
    assert total == sum(range(50))
    return sample


def hits(seed):
    """As many darts as Python throws in some milliseconds."""
    state, count = seed, 0
    for _ in range(20_000):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        x = state / 2**64
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        y = state / 2**64
        count += x * x + y * y < 1
    return count


def work(tasks, backend, n_jobs):
    pool = parallel(backend, n_jobs=int(n_jobs))
    results, sample = bench_common.take(lambda: pool(joblib.delayed(hits)(n) for n in range(tasks)))
    assert all(results)
    return sample


def uniform(n):
    stirred = n * 2654435761 % 2**32
    stirred = (stirred ^ stirred >> 15) * 2246822519 % 2**32
    stirred ^= stirred >> 13
    return (stirred + 0.5) / 2**32


def seconds(times, n, count):
    if times == "noisy":
        normal = math.sqrt(-2 * math.log(uniform(2 * n))) * math.cos(math.tau * uniform(2 * n + 1))
        return max(0.0, 0.001 + 0.001 * normal)
    if times == "cyclic":
        return 0.1 * math.cos(math.tau * (n * 7919 % count) / count) ** 8
    return 0.001


def uneven_task(given, seconds):
    time.sleep(seconds)
    return numpy.full(12_500, given[0])


def wait(count, times, backend):
    given = numpy.ones(2_500_000)
    pool = parallel(backend)
    tasks = lambda: (
        joblib.delayed(uneven_task)(given, seconds(times, n, count)) for n in range(count)
    )
    results, sample = bench_common.take(lambda: pool(tasks()))
    assert len(results) == count
    return sample


KINDS = {
    "cold": cold,
    "give": give,
    "stream": stream,
    "take": take,
    "tiny": lambda count, who, *how: (
        tiny_executor(count, *how) if who == "executor" else tiny(count, who, *how)
    ),
    "wait": wait,
    "warm": warm,
    "work": work,
}


class Operations(dict):
    """`kind:argument:argument`."""

    def __missing__(self, name):
        kind, *arguments = name.split(":")
        return lambda _, size: KINDS[kind](size, *arguments)


if __name__ == "__main__":
    with POOLS:
        bench_common.main(Operations({"make-data": lambda _, size: None}))
