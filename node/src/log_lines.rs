//! Log lines on their way to a stream that may stand still: a pipe that nobody reads, a file on a disk that hangs.
//!
//! Who logs never waits: the thread that answers buyers logs too. A thread of its own writes what has gathered, in one piece; what comes
//! while too much waits is lost, and how many lines were is the next one.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use tracing_subscriber::fmt::MakeWriter;

use crate::limits::{LOG_LINES_WAITING, LOG_WRITTEN_WITHIN};

/// Takes lines; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct LogLines(Arc<Shared>);

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    filled: Condvar,
    written: Condvar,
}

#[derive(Default)]
struct Waiting {
    lines: VecDeque<Vec<u8>>,
    /// Lines that found no room since the last ones were taken.
    lost: u64,
    is_writing: bool,
}

impl LogLines {
    /// Starts the thread that writes to `stream`.
    pub(crate) fn start(stream: impl Write + Send + 'static) -> io::Result<Self> {
        let lines = Self::default();
        let own = lines.clone();
        thread::Builder::new().name("log-lines".into()).spawn(move || own.run(stream))?;
        Ok(lines)
    }

    fn run(&self, mut stream: impl Write) {
        let mut missing = 0;
        loop {
            let (mut lines, lost) = self.next();
            missing += lost;
            let written = stream.write_all(lines.make_contiguous().concat().as_slice()).and_then(|()| stream.flush());
            if written.is_err() {
                // Told once the stream takes something again, if it ever does.
                missing += lines.len() as u64;
            } else if missing > 0 {
                tracing::warn!(missing, "the log was not taken as fast as it was written: so many lines are missing here");
                missing = 0;
            }
        }
    }

    /// All that waits, once something does, and how many lines found no room beside it.
    fn next(&self) -> (VecDeque<Vec<u8>>, u64) {
        let mut waiting = self.waiting();
        waiting.is_writing = false;
        self.0.written.notify_all();
        let mut waiting = self.0.filled.wait_while(waiting, |waiting| waiting.lines.is_empty()).unwrap_or_else(PoisonError::into_inner);
        waiting.is_writing = true;
        (std::mem::take(&mut waiting.lines), std::mem::take(&mut waiting.lost))
    }

    /// Waits until all lines are written, for [`LOG_WRITTEN_WITHIN`] at the most.
    pub(crate) fn written_out(&self) {
        let is_busy = |waiting: &mut Waiting| waiting.is_writing || !waiting.lines.is_empty();
        drop(self.0.written.wait_timeout_while(self.waiting(), LOG_WRITTEN_WITHIN, is_busy));
    }

    fn put(&self, line: Vec<u8>) {
        let mut waiting = self.waiting();
        if waiting.lines.len() < LOG_LINES_WAITING {
            waiting.lines.push_back(line);
            self.0.filled.notify_one();
        } else {
            waiting.lost += 1;
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> MakeWriter<'a> for LogLines {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

/// Takes what it is given as one line: the subscriber writes each in one piece.
impl Write for &LogLines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.put(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    use super::*;

    /// A stream that takes a piece when it is read.
    struct Pipe(SyncSender<Vec<u8>>);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn pipe() -> (LogLines, Receiver<Vec<u8>>) {
        let (stream, read) = sync_channel(0);
        (LogLines::start(Pipe(stream)).unwrap(), read)
    }

    #[test]
    fn lines_come_in_order_and_who_logs_does_not_wait_for_them() {
        let (lines, read) = pipe();
        let all: Vec<u8> = (0..100).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
        for n in 0..100 {
            writeln!(&lines, "{}", format_args!("line {n}")).unwrap();
        }
        let reader = thread::spawn(move || {
            let mut got = Vec::new();
            while got.len() < all.len() {
                got.extend(read.recv().unwrap());
            }
            assert_eq!(got, all);
        });
        lines.written_out();
        assert!(lines.waiting().lines.is_empty(), "the end waits for what is not written");
        reader.join().unwrap();
    }

    #[test]
    fn what_finds_no_room_is_counted_and_the_end_does_not_wait_for_ever() {
        let (lines, read) = pipe();
        lines.put(b"line\n".to_vec());
        while !lines.waiting().is_writing {
            thread::yield_now();
        }
        (0..2 * LOG_LINES_WAITING).for_each(|_| lines.put(b"line\n".to_vec()));
        assert_eq!(lines.waiting().lost, LOG_LINES_WAITING as u64);
        lines.written_out();
        let mut left = (1 + LOG_LINES_WAITING) * b"line\n".len();
        while left > 0 {
            left -= read.recv().unwrap().len();
        }
    }
}
