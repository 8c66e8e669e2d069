//! A fuzz target: the promise that the program's name names.

#![no_main]

use std::sync::LazyLock;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    static CHECK: LazyLock<fn(&[u8])> = LazyLock::new(|| holdfast_fuzz::check(env!("CARGO_BIN_NAME")));
    CHECK(bytes)
});
