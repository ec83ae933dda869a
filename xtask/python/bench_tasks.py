"""What a task costs that does nothing, when Python joblib runs it."""

import bench_common
import joblib


def nothing(n):
    return n


def tasks(count, backend, batch_size="auto"):
    with joblib.Parallel(n_jobs=2, backend=backend, batch_size=batch_size) as parallel:
        # The workers are there before the clock starts.
        parallel(joblib.delayed(nothing)(n) for n in range(100))
        run = lambda: parallel(joblib.delayed(nothing)(n) for n in range(count))
        results, sample = bench_common.take(run)
    assert len(results) == count
    return sample


OPERATIONS = {
    "make-data": lambda _, count: None,
    "tasks-threading": lambda _, count: tasks(count, "threading"),
    "tasks-threading-one": lambda _, count: tasks(count, "threading", batch_size=1),
    "tasks-loky": lambda _, count: tasks(count, "loky"),
    "tasks-loky-one": lambda _, count: tasks(count, "loky", batch_size=1),
}

if __name__ == "__main__":
    bench_common.main(OPERATIONS)
