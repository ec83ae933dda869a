"""Arrays and many small objects to Python's own files and back, by Python."""

import bench_common
import joblib
import numpy

ROOM = 200_000_000


def make_data(folder, size):
    """Noise, as raw little-endian float64."""
    numpy.random.default_rng(0).random(size // 8).astype("<f8").tofile(folder / "data.f64")


def make_dict(folder, size):
    joblib.dump({f"key {n}": n / 7 for n in range(size)}, folder / "dict.pkl")


def make_lists(folder, size):
    floats = numpy.random.default_rng(0).random((size // 1000, 1000))
    joblib.dump(floats.tolist(), folder / "lists.pkl")


def make_forest(folder, size):
    from sklearn.datasets import load_digits
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(size, random_state=0).fit(*load_digits(return_X_y=True))
    joblib.dump(forest, folder / "forest.pkl")


def dump_array(folder, size):
    return dump(numpy.fromfile(folder / "data.f64", "<f8"), folder / "array-joblib.pkl")


def dump(value, path):
    path.unlink(missing_ok=True)
    bench_common.touch_memory(ROOM)
    _, sample = bench_common.take(lambda: joblib.dump(value, path))
    return sample | {"disk": path.stat().st_size}


def load(path, size):
    bench_common.touch_memory(size)
    return bench_common.take(lambda: joblib.load(path))[1]


def dump_again(name):
    """Dumps what is in a file."""
    return lambda folder, size: dump(
        joblib.load(folder / f"{name}.pkl"), folder / f"joblib-{name}.pkl"
    )


def load_objects(name):
    def operation(folder, size):
        if name == "forest":
            # What a program that serves a model has imported before.
            import sklearn.ensemble  # noqa: F401
        return load(folder / f"{name}.pkl", ROOM)

    return operation


OPERATIONS = {
    "make-data": make_data,
    "make-dict": make_dict,
    "make-lists": make_lists,
    "make-forest": make_forest,
    "dump-array-joblib": dump_array,
    "load-array-joblib": lambda folder, size: load(folder / "array-joblib.pkl", size),
    **{f"dump-{name}-joblib": dump_again(name) for name in ("dict", "lists", "forest")},
    **{f"load-{name}-joblib": load_objects(name) for name in ("dict", "lists", "forest")},
}

if __name__ == "__main__":
    bench_common.main(OPERATIONS)
