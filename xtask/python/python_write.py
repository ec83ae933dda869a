"""Opens the Python files that `cargo xtask compat` wrote and compares them with what went in.

    python_write.py FOLDER
    python_write.py FOLDER --write [few]

Prints the name of each file that was what it should be, mapped too if it is not compressed (and
`skipped` behind it, if this joblib does not know its compressor); or writes files with the same value,
and prints their names.
"""

import sys
import warnings
from pathlib import Path

import joblib
import numpy


def expected():
    """What `everything` of `python_write.rs` dumps."""
    edges = [0, 1, 255, 256, 65_535, 65_536, 2**31, 2**32, 2**63, 2**64, 2**127 - 1]
    text = "Grüße, 世界 🎉 "
    return {
        "nothing": None,
        "something": 7,
        "unit": None,
        "flags": (True, False),
        "integers": [m for n in edges for m in (n, n - 1, -n, -n - 1, ~n)],
        "largest": 2**128 - 1,
        "floats": [0.1, -0.0, float("inf"), sys.float_info.min, sys.float_info.max],
        "single": float(numpy.float32(0.1)),
        "letter": "é",
        "texts": [text * n for n in (0, 1, 2, 10, 20, 4_000, 8_000)],
        "bytes": [bytes(i % 256 for i in range(n)) for n in (0, 1, 255, 256, 70_000)],
        "tuples": (None, (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
        "keys": {(-2, (1, 2, 3, 4)): "two", (1, ()): "one"},
        "variants": [
            "Unit",
            {"Newtype": 1.5},
            {"Tuple": (1, numpy.linspace(0, 1, 5))},
            {"Struct": {"width": 3, "label": "b"}},
        ],
        "layers": [layer(n) for n in range(2_500)],
        "long_list": [n**3 - 1_000_000 for n in range(30_000)],
        "long_table": dict(sorted((f"key {n}", n) for n in range(5_001))),
        "arrays": arrays(),
    }


def layer(units):
    name = {"name": f"layer {units % 10}"} if units % 2 else {}
    return {"units": units, **name, "weights": numpy.full(units % 7, 0.5, "<f4")}


def arrays():
    grid = (numpy.arange(12_000) / 8).reshape(300, 40)
    return {
        "bool": numpy.arange(1_000) % 3 == 0,
        "u8": numpy.arange(256, dtype="u1"),
        "i8": numpy.arange(-128, 128).astype("i1"),
        "u16": numpy.array([0, 1, 2**16 - 1], "<u2"),
        "i16": numpy.array([0, -1, -(2**15)], "<i2"),
        "u32": numpy.array([0, 1, 2**32 - 1], "<u4"),
        "i32": numpy.array([0, -1, -(2**31)], "<i4"),
        "u64": numpy.array([0, 1, 2**64 - 1], "<u8"),
        "i64": numpy.array([0, -1, -(2**63)], "<i8"),
        "f32": numpy.array([0.1, -numpy.inf], "<f4"),
        "f64": grid,
        "c64": numpy.array([0.5 - 1.5j], "<c8"),
        "c128": numpy.array([0.1 - 1j, complex(numpy.inf, 0)], "<c16"),
        "fortran": numpy.asfortranarray(numpy.arange(12_000.0).reshape(60, 200)),
        "scalar": numpy.array(2.5),
        "empty": numpy.zeros((0, 5), "<f4"),
        "cube": numpy.arange(60, dtype="<u2").reshape(3, 4, 5),
        "strided": grid[::3, ::2].copy(),
    }


def differs(value, wanted, place="value"):
    """Where `value` is something else than `wanted`, or None."""
    if isinstance(wanted, numpy.ndarray):
        same = (
            isinstance(value, numpy.ndarray)
            and value.dtype == wanted.dtype
            and value.shape == wanted.shape
            and value.flags.f_contiguous == wanted.flags.f_contiguous
            and value.tobytes() == wanted.tobytes()
        )
        return None if same else place
    if type(value) is not type(wanted):
        return place
    if isinstance(wanted, dict):
        if list(value) != list(wanted):
            return place
        pairs = ((value[key], wanted[key], f"{place}[{key!r}]") for key in wanted)
        return next(filter(None, (differs(*pair) for pair in pairs)), None)
    if isinstance(wanted, (list, tuple)):
        if len(value) != len(wanted):
            return place
        pairs = ((v, w, f"{place}[{n}]") for n, (v, w) in enumerate(zip(value, wanted)))
        return next(filter(None, (differs(*pair) for pair in pairs)), None)
    return None if repr(value) == repr(wanted) else place


def check(path, value):
    place = differs(value, expected())
    if place:
        sys.exit(f"{path.name}: {place} is not what went in")


def check_mapped(path):
    # A warning would be one about an array that is not aligned; old versions also use what Python
    # has deprecated since.
    warnings.simplefilter("error", UserWarning)
    value = joblib.load(path, mmap_mode="r")
    check(path, value)
    for name, array in value["arrays"].items():
        if array.size and not (isinstance(array, numpy.memmap) and array.offset % 16 == 0):
            sys.exit(f"{path.name}: {name} is not mapped, or not aligned")


def write(folder, few):
    extensions = {"zlib": "z", "gzip": "gz", "bz2": "bz2", "lzma": "lzma", "xz": "xz", "lz4": "lz4"}
    probe = folder / "probe"
    try:
        joblib.dump(numpy.zeros(2), str(probe))
    except AttributeError as error:
        print(f"joblib {joblib.__version__} is too old for numpy {numpy.__version__}: {error}", file=sys.stderr)
        return
    finally:
        probe.unlink(missing_ok=True)
    for protocol in range(6):
        for compressor in ("", *extensions):
            if few and compressor and protocol != 4:
                continue
            name = f"{protocol}.pkl" + (f".{extensions[compressor]}" if compressor else "")
            compress = (compressor, 3) if compressor else 0
            try:
                joblib.dump(expected(), str(folder / name), compress=compress, protocol=protocol)
            except ValueError as error:
                # Before 0.13 there was no lz4, and some versions want an older one.
                if compressor != "lz4":
                    raise
                (folder / name).unlink(missing_ok=True)
                print(f"joblib {joblib.__version__}: {error}", file=sys.stderr)
                continue
            print(name)


def main(folder):
    knows_lz4 = hasattr(joblib, "register_compressor")
    for path in sorted(folder.glob("*.pkl*")):
        if path.suffix == ".lz4" and not knows_lz4:
            print(f"{path.name} skipped")
            continue
        check(path, joblib.load(str(path)))
        if path.suffix == ".pkl":
            check_mapped(path)
        print(path.name)


if __name__ == "__main__":
    if "--write" in sys.argv:
        write(Path(sys.argv[1]), "few" in sys.argv)
    else:
        main(Path(sys.argv[1]))
