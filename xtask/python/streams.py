"""Reads and writes compressed streams with Python's own modules, for `cargo xtask compat`.

    streams.py read FOLDER    reads what FOLDER/manifest.txt lists and compares it with its input
    streams.py write FOLDER   writes FOLDER/*.input in every format and variant

Prints one line per file: format, file and input between tabs. A file whose name has the part
`joined` holds the same stream twice.
"""

import bz2
import gzip
import lzma
import sys
import zlib
from pathlib import Path

import lz4.frame
import zstandard


def read_zlib(data):
    """The module has no file class: one object per stream."""
    output = b""
    while data:
        stream = zlib.decompressobj()
        output += stream.decompress(data)
        assert stream.eof, "stream ends too early"
        data = stream.unused_data
    return output


def read_zstd(data):
    reader = zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True)
    return reader.read()


def read_lz4(path):
    with lz4.frame.open(path) as file:
        return file.read()


READERS = {
    "bz2": lambda path: bz2.decompress(path.read_bytes()),
    "gzip": lambda path: gzip.decompress(path.read_bytes()),
    "lz4": read_lz4,
    "lzma": lambda path: lzma.decompress(path.read_bytes(), format=lzma.FORMAT_ALONE),
    "xz": lambda path: lzma.decompress(path.read_bytes(), format=lzma.FORMAT_XZ),
    "zlib": lambda path: read_zlib(path.read_bytes()),
    "zstd": lambda path: read_zstd(path.read_bytes()),
}


def lz4_linked(data):
    return lz4.frame.compress(data, block_linked=True, block_size=lz4.frame.BLOCKSIZE_MAX64KB)


def lz4_checked(data):
    return lz4.frame.compress(
        data, content_checksum=True, block_checksum=True, store_size=True, compression_level=9
    )


def zstd_long(data):
    parameters = zstandard.ZstdCompressionParameters(window_log=27, write_checksum=True)
    return zstandard.ZstdCompressor(compression_params=parameters).compress(data)


WRITERS = {
    "bz2": {"fast": lambda data: bz2.compress(data, 1), "best": lambda data: bz2.compress(data, 9)},
    "gzip": {
        "stored": lambda data: gzip.compress(data, 0),
        "best": lambda data: gzip.compress(data, 9),
        "padded": lambda data: gzip.compress(data) + bytes(512),
    },
    "lz4": {"plain": lz4.frame.compress, "linked": lz4_linked, "checked": lz4_checked},
    "lzma": {
        "fast": lambda data: lzma.compress(data, format=lzma.FORMAT_ALONE, preset=0),
        "best": lambda data: lzma.compress(data, format=lzma.FORMAT_ALONE, preset=9),
    },
    "xz": {
        "fast": lambda data: lzma.compress(data, preset=0),
        "best": lambda data: lzma.compress(data, preset=9 | lzma.PRESET_EXTREME),
        "unchecked": lambda data: lzma.compress(data, check=lzma.CHECK_NONE),
    },
    "zlib": {
        "stored": lambda data: zlib.compress(data, 0),
        "fast": lambda data: zlib.compress(data, 1),
        "middle": lambda data: zlib.compress(data, 5),
        "usual": lambda data: zlib.compress(data, 6),
        "best": lambda data: zlib.compress(data, 9),
    },
    "zstd": {
        "fast": lambda data: zstandard.ZstdCompressor(level=-5).compress(data),
        "best": lambda data: zstandard.ZstdCompressor(level=22).compress(data),
        "long": zstd_long,
    },
}


def report(name, file, source):
    print(name, file, source, sep="\t")


def read(folder):
    for line in (folder / "manifest.txt").read_text().splitlines():
        name, file, source = line.split("\t")
        expected = (folder / f"{source}.input").read_bytes()
        if "joined" in file.split("."):
            expected *= 2
        if READERS[name](folder / file) != expected:
            sys.exit(f"{file}: not what went in")
        report(name, file, source)


def write(folder):
    for path in sorted(folder.glob("*.input")):
        data = path.read_bytes()
        for name, variants in WRITERS.items():
            first = next(iter(variants.values()))
            joined = {"joined": lambda data, first=first: first(data) * 2}
            for variant, compress in {**variants, **joined}.items():
                file = f"{name}.{variant}.{path.stem}"
                (folder / file).write_bytes(compress(data))
                report(name, file, path.stem)


if __name__ == "__main__":
    {"read": read, "write": write}[sys.argv[1]](Path(sys.argv[2]))
