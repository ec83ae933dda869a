"""Files of numpy's own for `cargo xtask compat`, and whether they survived being written again.

    numpy_files.py write FOLDER
    numpy_files.py check FOLDER

`write` prints the name of each file it wrote, `check` that of each it found to be the same.
"""

import sys
import warnings
from pathlib import Path

import numpy

NUMBERS = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "c8", "c16"]


def arrays():
    for code in NUMBERS:
        for order in "<>":
            dtype = numpy.dtype(order + code)
            array = numpy.arange(24).astype(dtype).reshape(2, 3, 4)
            name = f"{order.replace('<', 'little').replace('>', 'big')}-{code.replace('?', 'bool')}"
            yield name, array
            yield f"{name}-fortran", numpy.asfortranarray(array)
    fields = numpy.dtype([("x", "<f4"), (("title", "y"), ">i2", (2, 2)), ("größe", "U3")])
    nested = numpy.dtype([("a", [("b", "<f8"), ("c", "S2")]), ("d", "<M8[ms]")])
    gaps = numpy.dtype({"names": ["a", "b"], "formats": ["i1", "f8"], "offsets": [1, 8], "itemsize": 24})
    aligned = numpy.dtype([("a", "i1"), ("b", "f8")], align=True)
    for name, dtype in {"fields": fields, "nested": nested, "gaps": gaps, "aligned": aligned}.items():
        yield name, numpy.zeros(5, dtype)
    yield "longdouble", numpy.arange(3, dtype=numpy.longdouble)
    yield "text", numpy.array(["", "größe", "\U0001f600"])
    yield "bytes", numpy.array([b"", b"a\0b"])
    yield "void", numpy.array([b"abc", b"\0\1\2"], "V3")
    for unit in ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as", "25s"]:
        yield f"time-{unit}", numpy.arange(3).astype(f"M8[{unit}]")
        yield f"difference-{unit}", numpy.arange(3).astype(f">m8[{unit}]")
    yield "difference-generic", numpy.arange(3).astype("m8")
    shared = ["shared"]
    yield "objects", numpy.array([[1, "two", None], [shared, shared, 2.5]], object)
    yield "objects-fortran", numpy.asfortranarray(numpy.array([[1, "two"], [None, 3]], object))
    yield "scalar", numpy.array(2.5)
    yield "empty", numpy.zeros((3, 0, 2))
    yield "axes", numpy.zeros((1,) * 32)
    yield "large", numpy.random.default_rng(0).random((1000, 100))


def write(folder):
    warnings.simplefilter("ignore")  # A newer version of the format is what is wanted.
    for name, array in arrays():
        numpy.save(folder / f"{name}.npy", array)
        print(f"{name}.npy")
    for major in (1, 2, 3):
        with open(folder / f"version_{major}.npy", "wb") as file:
            numpy.lib.format.write_array(file, numpy.arange(5), (major, 0))
        print(f"version_{major}.npy")
    numpy.savez(folder / "all.npz", **dict(arrays()))
    numpy.savez_compressed(folder / "deflated.npz", numpy.eye(3), **dict(arrays()))
    print("all.npz", "deflated.npz", sep="\n")


def differs(a, b):
    # The flag "as a C compiler lays it out" is not in the file.
    same_dtype = a.dtype == b.dtype or repr(a.dtype.descr) == repr(b.dtype.descr)
    if not same_dtype or a.shape != b.shape or a.flags.f_contiguous != b.flags.f_contiguous:
        return True
    return a.tolist() != b.tolist() if a.dtype.hasobject else a.tobytes() != b.tobytes()


def check(folder):
    for path in sorted(folder.glob("*.np?")):
        original = folder / path.name.removeprefix("again-").removeprefix("through-")
        if original == path:
            continue
        a, b = (numpy.load(file, allow_pickle=True) for file in (original, path))
        if path.suffix == ".npz":
            assert list(a) == list(b), (list(a), list(b))
            bad = [name for name in a if differs(a[name], b[name])]
        else:
            bad = differs(a, b)
            if b.size and not b.dtype.hasobject:
                mapped = numpy.load(path, mmap_mode="r")
                bad = bad or not isinstance(mapped, numpy.memmap) or mapped.offset % 64
        if bad:
            sys.exit(f"{path.name} is not what it was made from: {bad}")
        print(path.name, flush=True)


if __name__ == "__main__":
    what, folder = sys.argv[1], Path(sys.argv[2])
    write(folder) if what == "write" else check(folder)
