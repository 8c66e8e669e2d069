//! A client of Redis over a few connections: what is asked at the same time is sent together, and answered in order.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};

use super::replies::{Reply, take};
use crate::compare::limits::{REDIS_CONNECTIONS, REDIS_QUEUED};

struct Asked {
    command: Vec<u8>,
    answer: oneshot::Sender<Reply>,
}

/// Who waits for answers on one connection, in order.
type Waiting = Arc<Mutex<VecDeque<oneshot::Sender<Reply>>>>;

/// A few connections to one Redis.
#[derive(Debug)]
pub struct Resp {
    connections: Vec<mpsc::Sender<Asked>>,
    next: AtomicUsize,
}

impl Resp {
    /// Connects.
    pub async fn connect(to: SocketAddr) -> Result<Resp> {
        let mut connections = Vec::new();
        for _ in 0..REDIS_CONNECTIONS {
            let stream = TcpStream::connect(to).await?;
            stream.set_nodelay(true)?;
            let ((reader, writer), (sender, asked)) = (stream.into_split(), mpsc::channel(REDIS_QUEUED));
            let waiting = Waiting::default();
            // Each ends with the connection; who still waits then hears that nobody answers.
            tokio::spawn(write(writer, asked, Arc::clone(&waiting)));
            tokio::spawn(read(reader, waiting));
            connections.push(sender);
        }
        Ok(Resp { connections, next: AtomicUsize::new(0) })
    }

    /// Sends a command and waits for its answer.
    pub async fn ask(&self, words: &[&[u8]]) -> Result<Reply> {
        let (sender, answer) = oneshot::channel();
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.connections.len();
        let asked = Asked { command: encode(words), answer: sender };
        self.connections[turn].send(asked).await.ok().context("the connection is gone")?;
        answer.await.context("the connection is lost")
    }
}

fn encode(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n", word.len()).into_bytes());
        bytes.extend(*word);
        bytes.extend(b"\r\n");
    }
    bytes
}

async fn write(mut to: OwnedWriteHalf, mut asked: mpsc::Receiver<Asked>, waiting: Waiting) -> io::Result<()> {
    let (mut together, mut bytes) = (Vec::new(), Vec::new());
    while asked.recv_many(&mut together, REDIS_QUEUED).await > 0 {
        {
            // In the order in which they are sent, and before they are.
            let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
            for one in together.drain(..) {
                bytes.extend(one.command);
                waiting.push_back(one.answer);
            }
        }
        to.write_all(&bytes).await?;
        bytes.clear();
    }
    Ok(())
}

async fn read(mut from: OwnedReadHalf, waiting: Waiting) -> io::Result<()> {
    let mut buffer = BytesMut::new();
    while from.read_buf(&mut buffer).await? > 0 {
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(reply) = take(&mut buffer) {
            if let Some(answer) = waiting.pop_front() {
                // Whoever asked may have hung up.
                drop(answer.send(reply));
            }
        }
    }
    waiting.lock().unwrap_or_else(PoisonError::into_inner).clear();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_a_list_of_counted_words() {
        assert_eq!(encode(&[b"GET", b"a b"]), b"*2\r\n$3\r\nGET\r\n$3\r\na b\r\n");
    }
}
