"""Values of Python in native files: what the variants of the enum `Value` are, and how parts come
together. As `jbl.py`, written from joblib-persist/FORMAT.md and from nothing else.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy


@dataclass(frozen=True)
class Part:
    """In the place of a part that is written elsewhere."""

    number: int


class Global(NamedTuple):
    """A class or function; nothing is imported."""

    module: str
    name: str


@dataclass(eq=False)
class Made:
    """An object; nothing is called."""

    how: str
    fields: dict[str, Any]


def element_type(described):
    """The dtype of a text such as `<f8`, or of a struct `ElementType`."""
    if isinstance(described, str):
        order, kind, size = described[0], described[1], int(described[2:])
        size = size // 4 if kind == "U" else size
        return numpy.dtype("?" if kind == "b" else "O" if kind == "O" else f"{order}{kind}{size}")
    form = described["form"]
    if form == "Plain":
        order = {"Little": "<", "Big": ">", "None": "|"}[described["byte_order"]]
        return element_type(f"{order}{described['kind']}{described['size']}")
    (form, content), = form.items()
    if form == "Time":
        order = ">" if described["byte_order"] == "Big" else "<"
        unit = content["unit"]
        step = "" if unit == "generic" else f"[{content['num']}{unit}/{content['den']}]"
        return numpy.dtype(f"{order}{described['kind']}8{step}")
    if form == "Subarray":
        base, shape = content
        return numpy.dtype((element_type(base), tuple(shape)))
    fields = {
        "names": [field["name"] for field in content],
        "titles": [field["title"] for field in content],
        "formats": [element_type(field["element_type"]) for field in content],
        "offsets": [field["offset"] for field in content],
        "itemsize": described["size"],
    }
    return numpy.dtype(fields, align=described["is_aligned"])


def array(content):
    shape, order = tuple(content["shape"]), content["order"]
    dtype = element_type(content["type"])
    if "objects" not in content:
        found = numpy.frombuffer(content["elements"], dtype).reshape(shape, order=order)
    else:
        found = numpy.empty(shape, dtype, order)
        for index, item in zip(numpy.ndindex(shape), content["objects"], strict=True):
            found[index] = item
    return Made("array", {"class": content["class"], "array": found}) if "class" in content else found


SPECIAL = {
    "BigInt": lambda content: int.from_bytes(content, "little", signed=True),
    "Complex": lambda content: complex(*content),
    "WideText": lambda content: content.decode("utf-8", "surrogatepass"),
    "ByteArray": bytearray,
    "Set": set,
    "FrozenSet": frozenset,
    "Array": array,
    "Scalar": lambda content: numpy.frombuffer(content[1], element_type(content[0]))[0],
    "ElementType": element_type,
    "Global": lambda content: Global(*content),
    "Call": lambda content: Made("call", content),
    "New": lambda content: Made("new", content),
}


def together(parts):
    """The first part, with the others where their numbers are.

    What can be changed is filled in its place, so that it may contain itself; what cannot be
    changed is made anew, and never contains itself but through something that can.
    """
    return Joiner(parts).first()


class Joiner:
    def __init__(self, parts):
        self.parts = parts
        self.done = {}

    def first(self):
        whole = self.whole(Part(0))
        for number in range(len(self.parts)):
            self.whole(Part(number))
        return whole

    def whole(self, item):
        """The item without numbers of parts in it."""
        if isinstance(item, Part):
            return self.part(item.number)
        if type(item) is tuple:
            return tuple(map(self.whole, item))
        if isinstance(item, frozenset):
            return frozenset(map(self.whole, item))
        self.fill(item)
        return item

    def part(self, number):
        if number not in self.done:
            item = self.parts[number]
            if isinstance(item, (tuple, frozenset)):
                self.done[number] = self.whole(item)
            else:
                # Known before its contents are: they may lead back to it.
                self.done[number] = item
                self.fill(item)
        return self.done[number]

    def fill(self, item):
        if isinstance(item, list):
            item[:] = map(self.whole, item)
        elif isinstance(item, set):
            items = list(map(self.whole, item))
            item.clear()
            item.update(items)
        elif isinstance(item, dict):
            entries = [(self.whole(key), self.whole(value)) for key, value in item.items()]
            item.clear()
            item.update(entries)
        elif isinstance(item, Made):
            self.fill(item.fields)
        elif isinstance(item, numpy.ndarray) and item.dtype.hasobject:
            for index in numpy.ndindex(item.shape):
                item[index] = self.whole(item[index])
