use joblib_memory::{Memory, cache, code};

static MEMORY: std::sync::LazyLock<Memory> = std::sync::LazyLock::new(Memory::none);

struct Model(f64);

impl Model {
    #[cache(MEMORY)]
    fn fit(&self, x: f64) -> f64 {
        self.0 * x
    }
}

#[cache(MEMORY)]
impl Model {}

#[cache(MEMORY)]
struct Data;

#[code]
struct Code;

#[cache(MEMORY)]
const fn constant() -> u8 {
    1
}

#[cache(MEMORY)]
unsafe fn dangerous() -> u8 {
    1
}

fn main() {}
