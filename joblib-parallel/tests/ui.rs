//! What the compiler says about wrong uses of `delayed!`. A binary of its own, because it runs
//! cargo.

#[test]
fn messages_name_the_remedy() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
