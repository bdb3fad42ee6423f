//! The system test.
fn main() {}
