//! The product's `main` under the tests' own name: built whenever the tests are.

use std::process::ExitCode;

fn main() -> ExitCode {
    holdfast_node::cli::main()
}
