"""A reader of the native format, written from joblib-persist/FORMAT.md and from nothing else.

    value, end = read(data, start)    the value that starts there, and where it ends

Structs and maps become dicts, sequences and tuples lists, arrays numpy arrays, an enum value its
variant's name or a dict from that name to its content; values of Python become what they were,
see `jbl_parts.py`. Every checksum is compared.
"""

import struct

import numpy
import xxhash

import jbl_parts

MAGIC = b"\x89JBL\r\n\x1a\n"
END_MAGIC = b"JBLend\r\n"
UNKNOWN = b"\xff" * 8
PIECE = 1 << 20
FRAME, BLOCK, FOOTER = 0, 1, 2
SKIP, OTHER, END = object(), object(), object()

DTYPES = {
    0: "?", 1: "u1", 2: "i1", 3: "<u2", 4: "<i2", 5: "<u4", 6: "<i4", 7: "<u8", 8: "<i8",
    11: "<f4", 12: "<f8", 13: "<c8", 14: "<c16", 15: "<f2",
}
# numpy has no integers of 128 bits: they become Python's. The last word says whether they are signed.
WIDE = {9: False, 10: True}


def read(data, start=0):
    reader = Reader(data, start)
    value = reader.item()
    return value, reader.finish()


def block_checksum(block):
    digests = b"".join(
        xxhash.xxh3_64_intdigest(block[at : at + PIECE]).to_bytes(8, "little")
        for at in range(0, len(block), PIECE)
    )
    digest = xxhash.xxh3_64_intdigest(digests).to_bytes(8, "little")
    return b"\xfe" + UNKNOWN[1:] if digest == UNKNOWN else digest


class Reader:
    def __init__(self, data, start):
        self.data, self.start = memoryview(data), start
        self.at = start
        self.shapes, self.variants = [], []
        self.in_parts = False
        self.frames = 0
        self.blocks = []  # (offset in data, dtype, shape, order) of every block
        header = self.raw(16)
        assert header[:8] == MAGIC, "not a native file"
        assert struct.unpack("<H6s", header[8:]) == (1, bytes(6)), "not version 1"
        self.next_frame()

    # The envelope.

    def raw(self, length):
        piece = bytes(self.data[self.at : self.at + length])
        assert len(piece) == length, "file ends too early"
        self.at += length
        return piece

    def next_frame(self):
        head = self.raw(12)
        word = int.from_bytes(head[:4], "little")
        self.follows = head[3]
        self.payload, self.position = self.raw(word & 0xFFFFFF), 0
        assert len(self.payload) <= 65536 and self.follows in (FRAME, BLOCK, FOOTER)
        digest = xxhash.xxh3_64_intdigest(self.payload, seed=word)
        assert digest == int.from_bytes(head[4:], "little"), "frame is damaged"
        self.frames += 1

    def take(self, length):
        if self.position == len(self.payload):
            assert self.follows == FRAME, "structure ends too early"
            self.next_frame()
        piece = self.payload[self.position : self.position + length]
        assert len(piece) == length, "an item straddles frames"
        self.position += length
        return piece

    def block(self, length):
        assert self.position == len(self.payload) and self.follows == BLOCK
        padding = -(self.at - self.start) % 64
        assert self.raw(padding) == bytes(padding)
        offset = self.at
        block = self.raw(length)
        checksum = self.raw(8)
        assert checksum in (UNKNOWN, block_checksum(block)), "block is damaged"
        self.next_frame()
        return offset, block

    def finish(self):
        assert self.position == len(self.payload) and self.follows == FOOTER
        footer = self.raw(32)
        length, frames, blocks, digest, magic = struct.unpack("<QIIQ8s", footer)
        assert magic == END_MAGIC and digest == xxhash.xxh3_64_intdigest(footer[:16])
        assert length == self.at - self.start
        assert (frames, blocks) == (self.frames, len(self.blocks))
        return self.at

    # The items.

    def number(self, form):
        return struct.unpack("<" + form, self.take(struct.calcsize(form)))[0]

    def item(self):
        tag = self.take(1)[0]
        if tag < 0x80:
            return tag
        if tag < 0xA0:
            return self.text(tag - 0x80)
        if 0xA5 <= tag <= 0xAE:
            width = 1 << (tag - 0xA5) % 5
            number = int.from_bytes(self.take(width), "little")
            return number if tag < 0xAA else -1 - number
        return self.ITEMS[tag](self)

    def text(self, length):
        return self.take(length).decode() if length else ""

    def items(self, count):
        return [self.item() for _ in range(count)]

    def pairs(self, count):
        return dict((self.item(), self.item()) for _ in range(count))

    def until_end(self):
        while (item := self.item()) is not END:
            yield item

    def open_items(self):
        return list(self.until_end())

    def open_pairs(self):
        return {key: self.item() for key in self.until_end()}

    def struct_new(self):
        self.item()
        fields, value = [], {}
        for field in self.until_end():
            fields.append(field)
            self.set(value, field, self.item())
        self.shapes.append(fields)
        return value

    def struct_known(self):
        value = {}
        for field in self.shapes[self.item()]:
            content = self.item()
            if content is OTHER:
                for other in self.until_end():
                    self.set(value, other, self.item())
                break
            self.set(value, field, content)
        return value

    def set(self, value, field, content):
        if content is not SKIP:
            value[field] = content

    def variant_new(self):
        enum, _index, name = self.items(3)
        kind = self.take(1)[0]
        self.variants.append((name, kind, enum))
        return self.variant(name, kind, enum)

    def variant(self, name, kind, enum):
        if self.in_parts and enum == "Value":
            return jbl_parts.SPECIAL[name](self.item())
        return name if kind == 0 else {name: self.item()}

    def tuple(self, count):
        return tuple(self.items(count)) if self.in_parts else self.items(count)

    def parts(self):
        self.in_parts = True
        parts = self.open_items()
        self.in_parts = False
        return jbl_parts.together(parts)

    def array(self, small):
        form, element, axes = self.take(3)
        shape = [self.item() for _ in range(axes)]
        order = "F" if form & 4 else "C"
        dtype = numpy.dtype("V16" if element in WIDE else DTYPES[element])
        length = dtype.itemsize
        for axis in shape:
            length *= axis
        if small:
            data = self.take(length) if length else b""
        else:
            offset, data = self.block(length)
            self.blocks.append((offset, dtype, tuple(shape), order))
        if form & 3 == 2:
            return data
        if form & 3 == 3:
            return data.decode()
        if element in WIDE:
            return self.wide(data, WIDE[element]).reshape(shape, order=order)
        return numpy.frombuffer(data, dtype).reshape(shape, order=order)

    def wide(self, data, signed):
        pieces = (data[at : at + 16] for at in range(0, len(data), 16))
        numbers = [int.from_bytes(piece, "little", signed=signed) for piece in pieces]
        return numpy.array(numbers, dtype=object)

    ITEMS = {
        0xA0: lambda self: None,
        0xA1: lambda self: False,
        0xA2: lambda self: True,
        0xA3: lambda self: None,
        0xA4: item,
        0xAF: lambda self: self.number("f"),
        0xB0: lambda self: self.number("d"),
        0xB1: lambda self: chr(self.number("I")),
        0xB2: lambda self: self.text(self.item()),
        0xB3: lambda self: self.take(self.item()),
        0xB4: lambda self: self.items(self.item()),
        0xB5: lambda self: self.tuple(self.item()),
        0xB6: lambda self: self.pairs(self.item()),
        0xB7: open_items,
        0xB8: open_pairs,
        0xB9: struct_new,
        0xBA: struct_known,
        0xBB: struct_known,
        0xBC: variant_new,
        0xBD: lambda self: self.variant(*self.variants[self.item()]),
        0xBE: lambda self: SKIP,
        0xBF: lambda self: OTHER,
        0xC0: lambda self: END,
        0xC1: lambda self: self.array(small=False),
        0xC2: lambda self: self.array(small=True),
        0xC3: parts,
        0xC4: lambda self: jbl_parts.Part(self.item()),
    }
