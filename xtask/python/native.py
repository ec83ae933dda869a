"""Reads the native files that `cargo xtask compat` writes and compares them with what went in.

    native.py FOLDER

Prints one line per file: its name, and how many arrays were also mapped in place.
"""

import gzip
import sys
from pathlib import Path

import numpy

import jbl


def expected():
    """What `native.rs` dumps."""
    index = numpy.arange(12_000, dtype="<f8")
    return {
        "name": "Grüße",
        "coefficients": (index / 8).reshape(300, 40),
        "fortran": index.astype("<f4").reshape(200, 60).T,
        "small": numpy.array([-1, 0, 32_767], "<i2"),
        "empty": numpy.zeros((0, 5)),
        "flags": numpy.arange(2_000) % 3 == 0,
        "text": "0123456789" * 500,
        "numbers": [0, 127, 128, 2**32, 2**64 - 1, -1, -129, -(2**63)],
        "float": 0.1,
        "tuple": ["x", True, None],
        "table": {"one": 1, "two": 2},
        "shapes": [
            "Point",
            {"Circle": 1.5},
            {"Line": [1, 2]},
            {"Box": {"width": 3, "label": "b"}},
            {"Circle": 2.5},
        ],
        "layers": [{"units": n, "name": f"layer {n}"} if n % 2 else {"units": n} for n in range(5_000)],
        "nothing": None,
        "something": 7,
        "tag": {"kind": "Round", "radius": 2},
        "last": numpy.arange(1_000, dtype="<u4"),
    }


def check_value(path, value):
    """What `native.rs` makes as a value of Python, with every kind of part."""
    matrix = numpy.arange(200, dtype="<f8").reshape(10, 20).T
    times = numpy.array(["2020-02-29", "NaT"], "M8[D]")
    record = numpy.dtype({"names": ["a", "b"], "formats": ["<u2", "<f4"], "offsets": [0, 4], "itemsize": 8})
    shared = value["shared"]
    wanted = {
        "plain": (None, True, -1, 2**70, -(2**70), 0.5, 1 - 2j, "text", b"bytes"),
        "long": (2**200, bytearray(b"array")),
        "sets": ({1, 2}, frozenset({3})),
        "matrix": matrix,
        "big": numpy.array([1, 2], ">i4"),
        "objects": numpy.array([[None, "a"], ["b", 7]], dtype=object),
        "scalar": numpy.float32(0.5),
        "times": times,
        "types": (numpy.dtype("<f8"), record),
        "halves": numpy.array([0.5, -2], "<f2"),
    }
    for key in wanted:
        if not same(value[key], wanted[key]):
            sys.exit(f"{path.name}: `{key}` is not what went in: {value[key]!r:.200}")
    assert value.keys() == wanted.keys() | {"shared", "again", "object"}, value.keys()
    assert type(shared) is list and shared[0] is value["matrix"] and shared[1] is shared, "not shared"
    assert value["again"] == (shared,) and value["again"][0] is shared, "not shared"
    made = value["object"]
    assert (made.how, made.fields["class"]) == ("call", ("collections", "deque")), made
    assert made.fields["arguments"] == () and made.fields["items"] == [made, 8], made
    assert made.fields["state"]["value"] is value, made


def same(value, wanted):
    if isinstance(wanted, numpy.ndarray):
        return value.dtype == wanted.dtype and numpy.array_equal(value, wanted, equal_nan=wanted.dtype.kind == "M")
    if isinstance(wanted, dict):
        return value.keys() == wanted.keys() and all(same(value[k], wanted[k]) for k in wanted)
    if isinstance(wanted, (list, tuple)):
        return type(value) is type(wanted) and len(value) == len(wanted) and all(map(same, value, wanted))
    return type(value) is type(wanted) and value == wanted


def check(path, value):
    wanted = expected()
    for field in wanted:
        if not same(value[field], wanted[field]):
            sys.exit(f"{path.name}: `{field}` is not what went in: {value[field]!r:.200}")
    assert value.keys() == wanted.keys(), value.keys()


def mapped(path, reader):
    """The arrays of the file, mapped where the reader met them."""
    for offset, dtype, shape, order in reader.blocks:
        array = numpy.memmap(path, dtype, "r", offset, shape, order)
        read = numpy.frombuffer(reader.data, dtype, array.size, offset)
        assert numpy.array_equal(array, read.reshape(shape, order=order))
    return len(reader.blocks)


def main(folder):
    for path in sorted(folder.glob("*.jbl*")):
        data = path.read_bytes()
        data = gzip.decompress(data) if path.suffix == ".gz" else data
        at, arrays = 0, 0
        while at < len(data):
            reader = jbl.Reader(data, at)
            (check_value if path.stem == "value" else check)(path, reader.item())
            at = reader.finish()
            arrays += mapped(path, reader) if path.suffix == ".jbl" else 0
        print(path.name, arrays, sep="\t")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
