//! Log lines on their way to a stream that may stand still: a pipe that nobody reads, a file on a disk that hangs.
//!
//! Who logs never waits: the thread that answers buyers logs too. A thread of its own writes what has gathered, in one piece; what comes
//! while too much waits is lost, and the line in its place says how many were.

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
    /// Starts the thread that writes to `stream`; `missing` makes the line that says how many are lost.
    pub(crate) fn start(stream: impl Write + Send + 'static, missing: impl Fn(u64) -> String + Send + 'static) -> io::Result<Self> {
        let lines = Self::default();
        let own = lines.clone();
        thread::Builder::new().name("log-lines".into()).spawn(move || own.run(stream, missing))?;
        Ok(lines)
    }

    fn run(&self, mut stream: impl Write, missing: impl Fn(u64) -> String) {
        // Lines that an error of the stream took: told once it takes something again, if it ever does.
        let mut spoilt = 0;
        loop {
            let (lines, lost) = self.next();
            let count = lines.len() as u64;
            let mut piece = Vec::new();
            if spoilt > 0 {
                // The last of them may be there in part.
                piece.push(b'\n');
                piece.extend_from_slice(missing(spoilt).as_bytes());
            }
            for line in &lines {
                piece.extend_from_slice(line);
            }
            if lost > 0 {
                piece.extend_from_slice(missing(lost).as_bytes());
            }
            let written = stream.write_all(&piece).and_then(|()| stream.flush());
            spoilt = if written.is_ok() { 0 } else { spoilt + count + lost };
        }
    }

    /// All that waits, once something does, and how many lines found no room behind it.
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
        (LogLines::start(Pipe(stream), missing).unwrap(), read)
    }

    fn missing(lines: u64) -> String {
        format!("{lines} missing\n")
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
        let expected = format!("{}{LOG_LINES_WAITING} missing\n", "line\n".repeat(1 + LOG_LINES_WAITING));
        let mut got = Vec::new();
        while got.len() < expected.len() {
            got.extend(read.recv().unwrap());
        }
        assert!(got == expected.as_bytes(), "{}", String::from_utf8_lossy(&got[got.len() - 40..]));
    }

    /// A stream whose first write fails, after a part of it.
    struct Faulty(Arc<Mutex<Vec<u8>>>);

    impl Write for Faulty {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut taken = self.0.lock().unwrap();
            match taken.len() {
                0 => taken.push(bytes[0]),
                1 => return Err(io::Error::other("no room")),
                _ => taken.extend_from_slice(bytes),
            }
            if taken.len() == 1 { Ok(1) } else { Ok(bytes.len()) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_an_error_took_is_told_once_the_stream_takes_something_again() {
        let taken = Arc::new(Mutex::new(Vec::new()));
        let lines = LogLines::start(Faulty(Arc::clone(&taken)), missing).unwrap();
        lines.put(b"one\n".to_vec());
        lines.written_out();
        taken.lock().unwrap().push(b'n');
        lines.put(b"two\n".to_vec());
        lines.written_out();
        assert_eq!(String::from_utf8_lossy(&taken.lock().unwrap()), "on\n1 missing\ntwo\n");
    }
}
