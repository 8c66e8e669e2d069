//! One question to one node, outside of any load.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::answer::{Parsed, parse};
use super::lane::connect;
use super::limits::LOOK_WITHIN;
use super::request;
use super::target::Target;

/// Status and body of `GET path`, within [`LOOK_WITHIN`].
pub(super) async fn get(target: &Target, path: &str) -> io::Result<(u16, Vec<u8>)> {
    timeout(LOOK_WITHIN, ask(target, path)).await?
}

async fn ask(target: &Target, path: &str) -> io::Result<(u16, Vec<u8>)> {
    let mut stream = connect(target).await?;
    let mut bytes = Vec::new();
    request::bare(&mut bytes, &target.host, "GET", path);
    stream.write_all(&bytes).await?;
    bytes.clear();
    loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match parse(&bytes) {
            Parsed::Whole(answer) => return Ok((answer.status, answer.body.to_vec())),
            Parsed::Part(_) => {}
            Parsed::Nonsense => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
}
