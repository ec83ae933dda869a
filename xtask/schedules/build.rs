//! Has the sources of `joblib-parallel` take shuttle's primitives instead of the standard library's.

fn main() {
    println!("cargo::rustc-cfg=shuttle");
    println!("cargo::rerun-if-changed=build.rs");
}
