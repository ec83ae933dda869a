use joblib_memory::{Memory, cache};

static MEMORY: std::sync::LazyLock<Memory> = std::sync::LazyLock::new(Memory::none);

#[cache(MEMORY)]
fn borrowed(x: &str) -> &str {
    x
}

#[cache(MEMORY)]
fn unnamed(x: u8) -> impl Iterator<Item = u8> {
    0..x
}

#[cache(MEMORY)]
fn written(x: &mut Vec<u8>) {
    x.push(1);
}

fn main() {}
