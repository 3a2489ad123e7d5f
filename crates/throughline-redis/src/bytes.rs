//! Packed records: numbers in little endian, as the scripts read them too.

use crate::error::Fault;

/// Writes a record.
#[derive(Default)]
pub(crate) struct Packed(pub(crate) Vec<u8>);

impl Packed {
    pub(crate) fn u16(mut self, value: u16) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn u32(mut self, value: u32) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn u64(mut self, value: u64) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn i64(mut self, value: i64) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn u8(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    pub(crate) fn bytes(mut self, value: &[u8]) -> Self {
        self.0.extend(value);
        self
    }

    /// A text with its length before it; names are never longer than that length can tell.
    pub(crate) fn name(self, value: &str) -> Self {
        self.u16(u16::try_from(value.len()).unwrap_or(u16::MAX)).bytes(value.as_bytes())
    }
}

/// Reads a record from its beginning on.
pub(crate) struct Unpacked<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> Unpacked<'a> {
    /// `what` is named in the error of a record that is too short.
    pub(crate) fn new(what: &'static str, record: &'a [u8]) -> Self {
        Self { what, rest: record }
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or_else(|| self.short())?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Fault> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Fault> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Fault> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Fault> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, Fault> {
        self.array().map(i64::from_le_bytes)
    }

    pub(crate) fn name(&mut self) -> Result<&'a str, Fault> {
        let length = usize::from(self.u16()?);
        let (name, rest) = self.rest.split_at_checked(length).ok_or_else(|| self.short())?;
        self.rest = rest;
        std::str::from_utf8(name)
            .map_err(|_| Fault::Damaged(format!("{} has a name that is no text", self.what)))
    }

    /// All that is left.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.rest
    }

    fn short(&self) -> Fault {
        Fault::Damaged(format!("{} is shorter than it can be", self.what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_as_it_was_written() {
        let record = Packed::default().u8(1).u16(2).u32(3).u64(4).i64(-5).name("né").bytes(b"rest").0;
        let mut read = Unpacked::new("a record", &record);
        assert_eq!((read.u8().unwrap(), read.u16().unwrap(), read.u32().unwrap()), (1, 2, 3));
        assert_eq!((read.u64().unwrap(), read.i64().unwrap(), read.name().unwrap()), (4, -5, "né"));
        assert_eq!(read.rest(), b"rest");
    }

    #[test]
    fn a_record_that_was_cut_off_is_damaged() {
        let record = Packed::default().name("abc").0;
        assert!(matches!(Unpacked::new("a record", &record[..3]).name(), Err(Fault::Damaged(_))));
        assert!(matches!(Unpacked::new("a record", &[1]).u32(), Err(Fault::Damaged(_))));
    }
}
