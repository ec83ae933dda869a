//! What the attributes say when they are used wrongly. A binary of its own, because it compiles.

#[test]
fn messages() {
    trybuild::TestCases::new().compile_fail("tests/messages/*.rs");
}
