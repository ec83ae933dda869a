use joblib_memory::cache;

#[cache]
fn f(x: u8) -> u8 {
    x
}

#[cache(ignore(x))]
fn g(x: u8) -> u8 {
    x
}

fn main() {}
