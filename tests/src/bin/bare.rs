//! A handler that does nothing, the yardstick of the benchmarks: `bare [ADDRESS [WORKERS]]`, 127.0.0.1:7099 by default, and
//! two workers, as a node on two cores has.

use std::io;

fn main() -> io::Result<()> {
    let mut args = std::env::args().skip(1);
    let address = args.next().unwrap_or_else(|| "127.0.0.1:7099".into());
    let workers = args.next().map_or(Ok(2), |workers| workers.parse().map_err(io::Error::other))?;
    holdfast_tests::compare::bare::serve(&address, workers)
}
