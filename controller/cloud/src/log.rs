//! A log on disk: records that are appended whole and read back after any end of the process, a kill -9 included.
//!
//! A line is a record: its length and its CRC-32 as eight hexadecimal digits each, then its text. [`Log::append`] returns when
//! it is written and synced. What a torn last write left is cut off; damage anywhere else is refused with its place. After a
//! write that failed nothing is appended any more. Never: knows what a record says (that is [`crate::keeping`]).

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Bytes of one record, at most: a request's body is at most 1 MiB, and JSON may write a byte as six.
const RECORD_BYTES_MAX: usize = 16 << 20;
/// Bytes before a record's text: length, space, checksum, space.
const PREFIX: usize = 18;

/// Why a log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be made, opened or read.
    #[error("cannot use {path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Another process has it.
    #[error("{path} is in use by another process; end that one, or take another directory")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// There is something in it that no torn write leaves.
    #[error(
        "{path} is damaged at byte {offset}: {why}. Put it back from a copy, or lose what was changed from there on: \
         truncate -s {offset} {path}"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the record begins.
        offset: u64,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// Why a record was not appended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path} could not be written ({why}); nothing can be changed until this is ended and started again")]
pub struct AppendError {
    path: PathBuf,
    why: String,
}

/// Where a log's bytes go.
pub trait Disk {
    /// Writes all of them, and returns when they would survive a power cut.
    ///
    /// # Errors
    /// When not all of them may be there.
    fn put(&mut self, bytes: &[u8]) -> io::Result<()>;
}

impl Disk for File {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        let whole = self.metadata()?.len();
        let put = self.write_all(bytes).and_then(|()| self.sync_data());
        if put.is_err() {
            // Whole or not, it was refused: it must not be there after a restart. What is only in part is cut off then.
            self.set_len(whole)?;
        }
        put
    }
}

/// A log that is appended to.
pub struct Log {
    disk: Box<dyn Disk>,
    path: PathBuf,
    broken: Option<AppendError>,
}

impl Log {
    /// One whose bytes go there.
    pub fn on(disk: Box<dyn Disk>, path: PathBuf) -> Self {
        Self { disk, path, broken: None }
    }

    /// Opens the log at `path`, which is made if it does not exist, and hands each of its records to `each`, with the byte
    /// at which it begins. Nobody else can open it until this is dropped, or the process ends.
    ///
    /// # Errors
    /// When it cannot be used, or `each` says no.
    pub fn open<E: From<OpenError>>(path: &Path, mut each: impl FnMut(u64, &str) -> Result<(), E>) -> Result<Self, E> {
        let failed = |error| OpenError::Io { path: path.to_owned(), error };
        let file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(failed)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => OpenError::InUse { path: path.to_owned() },
            TryLockError::Error(error) => failed(error),
        })?;
        let (mut reader, mut line, mut offset) = (BufReader::new(&file), Vec::new(), 0);
        loop {
            line.clear();
            let most = (PREFIX + RECORD_BYTES_MAX + 1) as u64;
            let length = reader.by_ref().take(most).read_until(b'\n', &mut line).map_err(failed)?;
            if length == 0 {
                break;
            }
            match text(&line) {
                Ok(text) => each(offset, text)?,
                Err(Bad::Torn) => {
                    let path = path.display();
                    tracing::warn!(%path, offset, bytes = length, "a record that was not written whole is cut off");
                    file.set_len(offset).and_then(|()| file.sync_all()).map_err(failed)?;
                    break;
                }
                Err(Bad::Damaged(why)) => return Err(OpenError::Damaged { path: path.to_owned(), offset, why }.into()),
            }
            offset += length as u64;
        }
        // So that its name survives a power cut as well as what is in it.
        let dir = path.parent().map_or(Ok(()), |dir| File::open(dir).and_then(|dir| dir.sync_all()));
        dir.map_err(failed)?;
        Ok(Self::on(Box::new(file), path.to_owned()))
    }

    /// Appends a record.
    ///
    /// # Errors
    /// When it may not be there: now, and whenever this is called again. What was written of it is cut off when it is opened.
    pub fn append(&mut self, text: &str) -> Result<(), AppendError> {
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        let put = if text.len() > RECORD_BYTES_MAX {
            Err(io::Error::other("a record is too long"))
        } else {
            self.disk.put(format!("{:08x} {:08x} {text}\n", text.len(), checksum(text.as_bytes())).as_bytes())
        };
        put.map_err(|error| {
            tracing::error!(path = %self.path.display(), %error, "nothing can be changed any more");
            let broken = AppendError { path: self.path.clone(), why: error.to_string() };
            self.broken = Some(broken.clone());
            broken
        })
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Bad {
    /// It is the beginning of a record, and nothing comes after it.
    Torn,
    Damaged(&'static str),
}

/// The text of a line that was read up to the next newline, or to the end of the file.
fn text(line: &[u8]) -> Result<&str, Bad> {
    let number = |from: usize| {
        let digits = line.get(from..from + 8).and_then(|digits| std::str::from_utf8(digits).ok());
        digits.and_then(|digits| u32::from_str_radix(digits, 16).ok())
    };
    let length = number(0).and_then(|length| usize::try_from(length).ok());
    let body = line.strip_suffix(b"\n").and_then(|line| line.get(PREFIX..));
    let Some(body) = body else {
        // A write that was cut short is shorter than it says, if it says it already.
        let is_shorter = length.map_or(line.len() < 8, |length| line.len() < PREFIX + length + 1);
        let is_torn = is_shorter && !line.ends_with(b"\n");
        return Err(if is_torn { Bad::Torn } else { Bad::Damaged("a record has no end") });
    };
    if length != Some(body.len()) || line.get(8) != Some(&b' ') || line.get(17) != Some(&b' ') {
        return Err(Bad::Damaged("a record is not as long as it says"));
    }
    if number(9) != Some(checksum(body)) {
        return Err(Bad::Damaged("a record does not have its checksum"));
    }
    std::str::from_utf8(body).map_err(|_| Bad::Damaged("a record is not a text"))
}

/// CRC-32 as in Ethernet and zip. <https://www.rfc-editor.org/rfc/rfc1952#section-8>
pub fn checksum(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| TABLE[usize::from(crc.to_le_bytes()[0] ^ byte)] ^ (crc >> 8);
    !bytes.iter().fold(u32::MAX, step)
}

const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut place = 0;
    while place < 256 {
        let mut crc = place as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[place] = crc;
        place += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(path: &Path) -> Result<Vec<String>, OpenError> {
        let mut texts = Vec::new();
        Log::open(path, |_, text| {
            texts.push(text.to_owned());
            Ok::<(), OpenError>(())
        })?;
        Ok(texts)
    }

    /// A log of three records, and where each begins.
    fn three(dir: &Path) -> (PathBuf, Vec<u8>, [usize; 3]) {
        let path = dir.join("log");
        let mut log = Log::open(&path, |_, _| Ok::<(), OpenError>(())).unwrap();
        for text in ["one", "\"two \u{1F980}\"", "{\"three\":3}"] {
            log.append(text).unwrap();
        }
        let bytes = std::fs::read(&path).unwrap();
        let second = PREFIX + 4;
        (path, bytes.clone(), [0, second, second + PREFIX + 11])
    }

    #[test]
    fn the_checksum_is_that_of_everybody() {
        assert_eq!(checksum(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_log_that_ends_anywhere_has_every_record_that_was_whole() {
        let dir = tempfile::tempdir().unwrap();
        let (path, bytes, begins) = three(dir.path());
        for end in 0..=bytes.len() {
            std::fs::write(&path, &bytes[..end]).unwrap();
            let whole = begins[1..].iter().chain([&bytes.len()]).filter(|next| **next <= end).count();
            assert_eq!(read(&path).unwrap().len(), whole, "{end}");
            // What was torn is gone, so that the next record begins where it began.
            Log::open(&path, |_, _| Ok::<(), OpenError>(())).unwrap().append("four").unwrap();
            assert_eq!(read(&path).unwrap().len(), whole + 1, "{end}");
        }
    }

    #[test]
    fn damage_is_refused_with_its_place_and_nothing_is_cut() {
        let dir = tempfile::tempdir().unwrap();
        let (path, bytes, begins) = three(dir.path());
        for at in 0..bytes.len() {
            for other in [bytes[at] ^ 1, b'\n', 0] {
                let mut bytes = bytes.clone();
                if bytes[at].eq_ignore_ascii_case(&other) {
                    continue;
                }
                bytes[at] = other;
                std::fs::write(&path, &bytes).unwrap();
                let begin = begins.iter().rev().find(|begin| **begin <= at).unwrap();
                // The last record's own newline: no torn write leaves another byte there.
                if at == bytes.len() - 1 {
                    assert!(read(&path).is_err(), "{at}");
                    continue;
                }
                match read(&path).unwrap_err() {
                    OpenError::Damaged { offset, .. } => assert_eq!(offset, *begin as u64, "{at} {other}"),
                    OpenError::Io { .. } | OpenError::InUse { .. } => panic!("{at} {other}"),
                }
                assert_eq!(std::fs::read(&path).unwrap(), bytes);
            }
        }
    }

    #[test]
    fn a_second_opener_is_refused_until_the_first_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let first = Log::open(&path, |_, _| Ok::<(), OpenError>(())).unwrap();
        assert!(matches!(read(&path), Err(OpenError::InUse { .. })));
        drop(first);
        assert_eq!(read(&path).unwrap(), Vec::<String>::new());
    }

    struct Full(u32);

    impl Disk for Full {
        fn put(&mut self, _: &[u8]) -> io::Result<()> {
            self.0 = self.0.saturating_sub(1);
            if self.0 == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        }
    }

    #[test]
    fn after_a_write_that_failed_nothing_is_appended() {
        let mut log = Log::on(Box::new(Full(2)), PathBuf::from("/data/cloud.log"));
        assert_eq!(log.append("one"), Ok(()));
        let error = log.append("two").unwrap_err();
        assert!(error.to_string().contains("/data/cloud.log"), "{error}");
        assert_eq!(log.append("three").unwrap_err(), error);
    }
}
