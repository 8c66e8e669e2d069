//! Writes the bytes that each target begins from into `corpus/<target>/`.

use std::fs;
use std::io;
use std::path::Path;

fn main() -> io::Result<()> {
    for promise in holdfast_fuzz::promises() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(promise.name);
        fs::create_dir_all(&corpus)?;
        for (number, seed) in (promise.seeds)().iter().enumerate() {
            fs::write(corpus.join(format!("seed-{number}")), seed)?;
        }
        println!("{}", promise.name);
    }
    Ok(())
}
