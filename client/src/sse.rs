//! The text of server-sent events, as far as the change feed uses it. Pure.

use crate::limits::MAX_FEED_LINE_BYTES;

/// Reads a feed in whatever pieces it comes. Lines end with `\n` or `\r\n`; comments, names and ids are passed over,
/// since the data carries both.
#[derive(Debug, Default)]
pub(crate) struct FeedReader {
    /// The line that has not ended yet.
    line: Vec<u8>,
    /// Data of the event that has not ended yet.
    data: Option<Vec<u8>>,
}

/// A line or an event is longer than [`MAX_FEED_LINE_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl FeedReader {
    /// Takes the next piece and gives the data of every event that ends in it.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<Vec<Vec<u8>>, TooLong> {
        let mut events = Vec::new();
        let mut rest = piece;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.line.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            let line = std::mem::take(&mut self.line);
            self.take_line(line.strip_suffix(b"\r").unwrap_or(&line), &mut events)?;
        }
        self.line.extend_from_slice(rest);
        if self.line.len() > MAX_FEED_LINE_BYTES { Err(TooLong) } else { Ok(events) }
    }

    fn take_line(&mut self, line: &[u8], events: &mut Vec<Vec<u8>>) -> Result<(), TooLong> {
        if line.is_empty() {
            events.extend(self.data.take());
        } else if let Some(data) = line.strip_prefix(b"data:") {
            let data = data.strip_prefix(b" ").unwrap_or(data);
            match &mut self.data {
                None => self.data = Some(data.to_vec()),
                Some(earlier) => {
                    earlier.push(b'\n');
                    earlier.extend_from_slice(data);
                }
            }
        }
        if self.data.as_ref().is_some_and(|data| data.len() > MAX_FEED_LINE_BYTES) { Err(TooLong) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FEED: &str = ": hello\n\nid: 7-0\nevent: sold-out\ndata: {\"a\":1}\n\nid: 7-1\r\ndata:x\r\ndata: y\r\n\r\ndata: unfinished";

    #[test]
    fn data_of_ended_events_is_given() {
        let events = FeedReader::default().push(FEED.as_bytes()).unwrap();
        assert_eq!(events, [b"{\"a\":1}".to_vec(), b"x\ny".to_vec()]);
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut reader = FeedReader::default();
        assert!(reader.push(&vec![b'x'; MAX_FEED_LINE_BYTES]).is_ok());
        assert_eq!(reader.push(b"x"), Err(TooLong));
        let mut reader = FeedReader::default();
        let line = [b"data:".to_vec(), vec![b'x'; MAX_FEED_LINE_BYTES / 2], b"\n".to_vec()].concat();
        assert_eq!((0..3).map(|_| reader.push(&line)).last(), Some(Err(TooLong)));
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(cuts in proptest::collection::vec(0..FEED.len(), 0..8)) {
            let mut cuts = cuts;
            cuts.extend([0, FEED.len()]);
            cuts.sort_unstable();
            let mut reader = FeedReader::default();
            let mut events = Vec::new();
            for pair in cuts.windows(2) {
                events.extend(reader.push(&FEED.as_bytes()[pair[0]..pair[1]]).unwrap());
            }
            prop_assert_eq!(events, FeedReader::default().push(FEED.as_bytes()).unwrap());
        }
    }
}
