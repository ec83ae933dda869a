//! A description as an indented tree.

use std::fmt;

use super::tree::{ArrayChecksum, ArrayItem, Description, Item};

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.format)?;
        if let Some(compressor) = &self.compressor {
            write!(f, ", {compressor}")?;
        }
        write!(f, ", {}", Bytes(self.file_bytes))?;
        if self.arrays > 0 {
            let arrays = if self.arrays == 1 { "array" } else { "arrays" };
            write!(f, "; {} large {arrays} of {}", self.arrays, Bytes(self.array_bytes))?;
        }
        for value in &self.values {
            f.write_str("\n")?;
            write_tree(f, value, 0)?;
        }
        Ok(())
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_tree(f, self, 0)
    }
}

fn write_tree(f: &mut fmt::Formatter<'_>, item: &Item, level: usize) -> fmt::Result {
    write!(f, "{:1$}", "", level * 2)?;
    write_line(f, item)?;
    for inner in &item.items {
        f.write_str("\n")?;
        write_tree(f, inner, level + 1)?;
    }
    match item.unlisted() {
        unlisted if unlisted > 0 && !item.items.is_empty() => {
            write!(f, "\n{:1$}… {unlisted} more", "", (level + 1) * 2)
        }
        _ => Ok(()),
    }
}

fn write_line(f: &mut fmt::Formatter<'_>, item: &Item) -> fmt::Result {
    if !item.name.is_empty() {
        write!(f, "{}: ", item.name)?;
    }
    f.write_str(&item.type_name)?;
    match (&item.array, &item.value, item.len) {
        (Some(array), _, _) => write_array(f, array),
        (None, Some(value), _) => write!(f, " {value}"),
        (None, None, Some(len)) if item.items.is_empty() || item.unlisted() > 0 => {
            write!(f, " of {len}")
        }
        _ => Ok(()),
    }
}

fn write_array(f: &mut fmt::Formatter<'_>, array: &ArrayItem) -> fmt::Result {
    let ArrayItem { dtype, shape, order, bytes, .. } = array;
    write!(f, " of {dtype} {shape:?}")?;
    if shape.len() > 1 {
        write!(f, " {order:?}")?;
    }
    write!(f, ", {}", Bytes(*bytes))?;
    match array.checksum {
        ArrayChecksum::Xxh3(_) => write!(f, ", {}", array.checksum),
        ArrayChecksum::Unknown => f.write_str(", checksum unknown"),
        ArrayChecksum::Around | ArrayChecksum::Absent => Ok(()),
    }
}

/// A number of bytes in the unit that leaves one to four digits before the point.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
        let bytes = self.0 as f64;
        match units.iter().find(|(size, _)| bytes >= *size) {
            Some((size, unit)) => write!(f, "{:.1} {unit}", bytes / size),
            None => write!(f, "{} bytes", self.0),
        }
    }
}
