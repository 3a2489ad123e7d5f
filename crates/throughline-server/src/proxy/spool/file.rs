//! One file of the spool: payloads one after the other, each with its length and a hash, so that a broken end is told from
//! a whole payload. A file belongs to the process that has it locked; the lock goes with the process.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// What the names of spool files end with.
const EXTENSION: &str = "spool";
/// The payload's length in bytes, little-endian.
const LENGTH_BYTES: usize = 4;
/// The beginning of the payload's BLAKE3 hash.
const HASH_BYTES: usize = 16;
/// What a payload takes beside itself.
pub(super) const HEAD_BYTES: usize = LENGTH_BYTES + HASH_BYTES;

/// Where a payload lies, its head included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    at: u64,
    len: usize,
}

/// What was found in a file.
#[derive(Debug)]
pub(super) struct Payload {
    pub(super) frame: Frame,
    pub(super) bytes: Vec<u8>,
}

/// A file that this process alone writes.
#[derive(Debug)]
pub(super) struct SpoolFile {
    path: PathBuf,
    file: File,
    len: u64,
}

impl SpoolFile {
    /// A new one in `folder`. Names rise with time.
    pub(super) fn create(folder: &Path) -> io::Result<Self> {
        let path = folder.join(format!("{}.{EXTENSION}", uuid::Uuid::now_v7().simple()));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path)?;
        file.lock()?;
        // Without this a loss of power may take the name, and with it all that is in the file.
        #[cfg(unix)]
        File::open(folder)?.sync_all()?;
        Ok(Self { path, file, len: 0 })
    }

    /// Those in `folder` that no process has, oldest first, each with its whole payloads. What a crash left unfinished at
    /// the end is cut off.
    pub(super) fn left_behind(folder: &Path) -> io::Result<Vec<(Self, Vec<Payload>)>> {
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == EXTENSION));
        paths.sort_unstable();
        let mut files = Vec::new();
        for path in paths {
            let file = OpenOptions::new().read(true).write(true).open(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(std::fs::TryLockError::WouldBlock) => continue,
                Err(std::fs::TryLockError::Error(error)) => return Err(error),
            }
            // Its process may have delivered and removed it between the listing and the lock.
            if !path.exists() {
                continue;
            }
            let mut found = Self { len: file.metadata()?.len(), path, file };
            let payloads = found.payloads()?;
            found.cut_after(payloads.last().map(|payload| payload.frame))?;
            files.push((found, payloads));
        }
        Ok(files)
    }

    /// Bytes on disk.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Adds a payload; it is on disk when this returns. After an error the file is as it was.
    pub(super) fn append(&mut self, payload: &[u8]) -> io::Result<Frame> {
        let frame = framed(payload)?;
        let at = self.len;
        if let Err(error) = self.write(at, &frame) {
            // What is left of it would be cut off as unfinished at the next start, or written over now.
            let _ = self.file.set_len(at);
            return Err(error);
        }
        self.len += frame.len() as u64;
        Ok(Frame { at, len: frame.len() })
    }

    /// A payload; none if its bytes are not those that were written.
    pub(super) fn read(&self, frame: Frame) -> io::Result<Option<Vec<u8>>> {
        Ok(first_payload(&self.bytes(frame.at, frame.len)?))
    }

    /// Takes it off the disk.
    pub(super) fn remove(self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }

    fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(at))?;
        file.write_all(bytes)?;
        file.sync_data()
    }

    fn bytes(&self, at: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(at))?;
        let mut bytes = vec![0; len];
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn payloads(&self) -> io::Result<Vec<Payload>> {
        let bytes = self.bytes(0, usize::try_from(self.len).map_err(io::Error::other)?)?;
        let (mut payloads, mut at) = (Vec::new(), 0);
        while let Some(bytes) = bytes.get(at..).and_then(first_payload) {
            let len = HEAD_BYTES + bytes.len();
            payloads.push(Payload { frame: Frame { at: at as u64, len }, bytes });
            at += len;
        }
        Ok(payloads)
    }

    fn cut_after(&mut self, last: Option<Frame>) -> io::Result<()> {
        let end = last.map_or(0, |frame| frame.at + frame.len as u64);
        if end < self.len {
            self.file.set_len(end)?;
            self.len = end;
        }
        Ok(())
    }
}

impl fmt::Display for SpoolFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(f)
    }
}

fn framed(payload: &[u8]) -> io::Result<Vec<u8>> {
    let len = u32::try_from(payload.len()).map_err(io::Error::other)?;
    Ok([&len.to_le_bytes(), &hash(payload)[..], payload].concat())
}

/// The payload that the bytes begin with, if it is whole.
fn first_payload(bytes: &[u8]) -> Option<Vec<u8>> {
    let (len, rest) = bytes.split_first_chunk::<LENGTH_BYTES>()?;
    let (kept, rest) = rest.split_first_chunk::<HASH_BYTES>()?;
    let payload = rest.get(..usize::try_from(u32::from_le_bytes(*len)).ok()?)?;
    (hash(payload) == *kept).then(|| payload.to_vec())
}

fn hash(payload: &[u8]) -> [u8; HASH_BYTES] {
    let mut out = [0; HASH_BYTES];
    out.copy_from_slice(&blake3::hash(payload).as_bytes()[..HASH_BYTES]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_found_again_once_their_process_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = SpoolFile::create(folder.path()).unwrap();
        let frame = file.append(b"one").unwrap();
        file.append(b"").unwrap();
        assert_eq!(file.read(frame).unwrap().unwrap(), b"one");
        assert!(SpoolFile::left_behind(folder.path()).unwrap().is_empty(), "it is ours");
        drop(file);
        let mut left = SpoolFile::left_behind(folder.path()).unwrap();
        let (file, payloads) = left.remove(0);
        assert_eq!(
            payloads.iter().map(|payload| payload.bytes.as_slice()).collect::<Vec<_>>(),
            [&b"one"[..], b""]
        );
        file.remove().unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_end_that_a_crash_left_unfinished_is_cut_off_wherever_it_broke() {
        let whole = framed(b"the first").unwrap();
        let torn = framed(b"the second").unwrap();
        for kept in 0..torn.len() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(format!("a.{EXTENSION}"));
            std::fs::write(&path, [&whole, &torn[..kept]].concat()).unwrap();
            let mut left = SpoolFile::left_behind(folder.path()).unwrap();
            let (file, payloads) = &mut left[0];
            assert_eq!(payloads.len(), 1, "{kept} bytes of the second");
            file.append(b"the third").unwrap();
            drop(left);
            let left = SpoolFile::left_behind(folder.path()).unwrap();
            assert_eq!(left[0].1.last().unwrap().bytes, b"the third");
        }
    }
}
