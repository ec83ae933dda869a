use joblib_memory::{Memory, cache, code};

static MEMORY: std::sync::LazyLock<Memory> = std::sync::LazyLock::new(Memory::none);

#[cache(MEMORY, ignored(x))]
fn unknown(x: u8) -> u8 {
    x
}

#[cache(MEMORY, ignore = x)]
fn form(x: u8) -> u8 {
    x
}

#[cache(MEMORY, ignore(verbos))]
fn argument(x: u8, verbose: bool) -> u8 {
    x
}

#[code(ignore(x))]
fn of_code(x: u8) -> u8 {
    x
}

fn main() {}
