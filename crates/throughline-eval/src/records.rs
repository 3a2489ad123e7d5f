//! Reads a JSON list one element at a time, so that the memory needed is that of the largest element.
//!
//! Elements come out as raw text: the format is told from the first one and the same text is then parsed, so nothing
//! is read twice and pipes work as well as files.

use std::io::{self, BufRead, Read};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::without_position;

/// The longest element of a list, one user's whole history. The largest in the public data sets has 6 MB.
const RECORD_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Why the next element could not be read.
#[derive(Debug)]
pub(crate) enum RecordError {
    Io(io::Error),
    /// The list is malformed at the element of this number (from 0).
    Malformed {
        index: u64,
        problem: String,
    },
}

/// A reader that knows how far it has come.
pub(crate) struct Counted<R> {
    inner: R,
    bytes_read: u64,
    lines_skipped: u64,
}

impl<R: BufRead> Counted<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, bytes_read: 0, lines_skipped: 0 }
    }

    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// Ends of lines stepped over on the way to a visible byte.
    pub(crate) fn lines_skipped(&self) -> u64 {
        self.lines_skipped
    }

    /// The next byte that is not white space, left in place.
    pub(crate) fn peek_visible(&mut self) -> io::Result<Option<u8>> {
        loop {
            let buffer = self.fill_buf()?;
            if buffer.is_empty() {
                return Ok(None);
            }
            let blank = buffer.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let visible = buffer.get(blank).copied();
            let lines: u64 = buffer[..blank].iter().map(|byte| u64::from(*byte == b'\n')).sum();
            self.lines_skipped += lines;
            self.consume(blank);
            if visible.is_some() {
                return Ok(visible);
            }
        }
    }

    /// Steps over a byte order mark, which some editors put before UTF-8 text.
    pub(crate) fn skip_byte_order_mark(&mut self) -> io::Result<()> {
        if self.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
            self.consume(3);
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes_read += count as u64;
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.bytes_read += count as u64;
        self.inner.consume(count);
    }
}

/// The elements of a JSON list of objects, in order. After an error nothing more comes.
pub(crate) struct Records<R> {
    reader: Counted<R>,
    next_index: u64,
    ended: bool,
}

impl<R: BufRead> Records<R> {
    /// `reader` stands at the list's opening bracket.
    pub(crate) fn new(mut reader: Counted<R>) -> Self {
        reader.consume(1);
        Self { reader, next_index: 0, ended: false }
    }

    pub(crate) fn bytes_read(&self) -> u64 {
        self.reader.bytes_read()
    }

    /// Makes this the end: what follows will not be read.
    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    /// The next element and its number, or none at the end of the list.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Box<RawValue>)>, RecordError> {
        if self.ended {
            return Ok(None);
        }
        let record = self.read();
        self.ended = !matches!(record, Ok(Some(_)));
        record
    }

    fn read(&mut self) -> Result<Option<(u64, Box<RawValue>)>, RecordError> {
        let index = self.next_index;
        let mut start = self.peek()?;
        if start == Some(b']') {
            self.reader.consume(1);
            return match self.peek()? {
                None => Ok(None),
                Some(_) => Err(self.malformed("text after the end of the list")),
            };
        }
        if index > 0 {
            if start != Some(b',') {
                return Err(self.malformed(match start {
                    None => "the file ends in the middle of the list",
                    Some(_) => "expected `,` or `]` before it",
                }));
            }
            self.reader.consume(1);
            start = self.peek()?;
        }
        if start != Some(b'{') {
            return Err(self.malformed(match start {
                None => "the file ends in the middle of the list",
                Some(_) => "expected an object",
            }));
        }
        // A value that ends in a bracket is read to that bracket and not a byte further.
        let mut limited = (&mut self.reader).take(RECORD_BYTES_MAX);
        let mut deserializer = serde_json::Deserializer::from_reader(&mut limited);
        let record = Box::<RawValue>::deserialize(&mut deserializer);
        let cut = limited.limit() == 0;
        match record {
            Ok(record) => {
                self.next_index += 1;
                Ok(Some((index, record)))
            }
            Err(error) if error.is_io() => Err(RecordError::Io(error.into())),
            Err(_) if cut => {
                Err(self.malformed(&format!("longer than {} MB", RECORD_BYTES_MAX / (1024 * 1024))))
            }
            Err(error) => {
                let at = self.reader.bytes_read();
                Err(self.malformed(&format!("not valid JSON at byte {at}: {}", without_position(&error))))
            }
        }
    }

    fn peek(&mut self) -> Result<Option<u8>, RecordError> {
        self.reader.peek_visible().map_err(RecordError::Io)
    }

    fn malformed(&self, problem: &str) -> RecordError {
        RecordError::Malformed { index: self.next_index, problem: problem.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &str) -> Result<Vec<String>, String> {
        let mut records = Records::new(Counted::new(text.as_bytes()));
        let mut all = Vec::new();
        loop {
            match records.next() {
                Ok(Some((index, record))) => {
                    assert_eq!(index, all.len() as u64);
                    all.push(record.get().to_owned());
                }
                Ok(None) => return Ok(all),
                Err(RecordError::Malformed { index, problem }) => {
                    assert!(records.next().is_ok_and(|r| r.is_none()), "nothing comes after an error");
                    return Err(format!("{index}: {problem}"));
                }
                Err(RecordError::Io(error)) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn elements_come_one_at_a_time_as_they_are_written() {
        assert_eq!(read_all("[ {\"a\": 1} ,\n{\"b\":[{}]}]\n").unwrap(), ["{\"a\": 1}", "{\"b\":[{}]}"]);
        assert_eq!(read_all("[]").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_broken_list_names_the_element_where_it_breaks() {
        let cases = [
            ("[{}", "1: the file ends in the middle of the list"),
            ("[{},", "1: the file ends in the middle of the list"),
            ("[", "0: the file ends in the middle of the list"),
            ("[{} {}]", "1: expected `,` or `]` before it"),
            ("[{}, 7]", "1: expected an object"),
            ("[{}] x", "1: text after the end of the list"),
            ("[{\"a\": tru}]", "0: not valid JSON at byte 11: expected ident"),
            ("[{\"a\": [1", "0: not valid JSON at byte 9: EOF while parsing a list"),
        ];
        for (text, expected) in cases {
            assert_eq!(read_all(text).unwrap_err(), expected, "{text}");
        }
    }
}
