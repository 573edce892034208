//! Reading files that somebody else may have put there: configuration, tokens, modules, scripts, cases.
//!
//! A path can lead to a device without end, to a pipe that nobody writes to, to a file of any size, or to a network
//! that does not answer. Here only regular files are opened, their size is checked before they are read, and all of
//! it has a time limit. Links are followed: secrets that an orchestrator mounts are links.

use std::{
    fs::{File, Metadata, OpenOptions},
    io::{self, Read},
    path::Path,
    sync::mpsc,
    thread,
    time::Duration,
};

use rolarr_domain::UntrustedText;

/// How long opening and reading a file may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a path is shown in a message: a path may have anything in it that a terminal would act upon.
#[must_use]
pub fn shown(path: &Path) -> String {
    UntrustedText::new(&path.to_string_lossy()).to_string()
}

/// Why a file can't be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The system refuses it.
    #[error("{}", reason(.0))]
    Io(io::Error),
    /// It is no regular file.
    #[error("it is {0}, and only a regular file can be read")]
    NotRegular(&'static str),
    /// It is larger than any file of its kind.
    #[error("it is larger than {}", size(*.limit))]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// It does not come within the time limit.
    #[error("it could not be read within {} s", PATIENCE.as_secs())]
    TooSlow,
    /// It is text in an encoding that is not read.
    #[error("it is text in {0}, and only UTF-8 can be read: save it as UTF-8")]
    Encoding(&'static str),
    /// It is not text in UTF-8.
    #[error("it is not text in UTF-8: see line {line}")]
    NotText {
        /// The line, from 1.
        line: usize,
    },
}

impl From<io::Error> for FileError {
    // Its words say all of it: as a source it would say the same once more.
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl FileError {
    /// Whether there is no file of this name.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Io(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory))
    }
}

/// What went wrong with a file, in words.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it does not exist".to_owned(),
        io::ErrorKind::NotADirectory => "a part of its path is no folder".to_owned(),
        io::ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        kind => kind.to_string(),
    }
}

fn size(bytes: u64) -> String {
    if bytes >= 1 << 20 { format!("{} MiB", bytes >> 20) } else { format!("{} KiB", bytes >> 10) }
}

/// The bytes of a file of at most this size in bytes.
///
/// # Errors
/// [`FileError`].
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    read_with_metadata(path, limit).map(|(bytes, _)| bytes)
}

/// The text of a file of at most this size in bytes.
///
/// # Errors
/// [`FileError`].
pub fn read_text(path: &Path, limit: u64) -> Result<String, FileError> {
    text(read(path, limit)?)
}

/// The bytes of a file, and what is known of the file that they are from.
///
/// # Errors
/// [`FileError`].
pub fn read_with_metadata(path: &Path, limit: u64) -> Result<(Vec<u8>, Metadata), FileError> {
    let path = path.to_owned();
    in_time(move || {
        let (file, about) = open_regular(&path)?;
        if about.len() > limit {
            return Err(FileError::TooLarge { limit });
        }
        let mut bytes = Vec::new();
        // It may grow meanwhile, and files that the system makes up tell no size.
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(FileError::TooLarge { limit });
        }
        Ok((bytes, about))
    })
}

/// A file that is read in parts.
///
/// # Errors
/// [`FileError`].
pub fn open(path: &Path) -> Result<File, FileError> {
    let path = path.to_owned();
    in_time(move || Ok(open_regular(&path)?.0))
}

/// What some editors begin a text with to say that it is in UTF-8.
pub const MARK: &[u8] = b"\xef\xbb\xbf";

/// Bytes as text, without a byte order mark.
///
/// # Errors
/// [`FileError::Encoding`] or [`FileError::NotText`].
pub fn text(mut bytes: Vec<u8>) -> Result<String, FileError> {
    if let Some(encoding) = foreign_encoding(&bytes) {
        return Err(FileError::Encoding(encoding));
    }
    if bytes.starts_with(MARK) {
        bytes.drain(..MARK.len());
    }
    String::from_utf8(bytes).map_err(|error| {
        let sound = error.utf8_error().valid_up_to();
        let lines = error.as_bytes().get(..sound).unwrap_or_default().iter().filter(|byte| **byte == b'\n');
        FileError::NotText { line: lines.count() + 1 }
    })
}

/// In which other encoding than UTF-8 a text is by its beginning: the mark of the encoding, or first characters whose
/// other bytes are zero.
#[must_use]
pub fn foreign_encoding(start: &[u8]) -> Option<&'static str> {
    match start {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("UTF-16"),
        [first, 0, 0, 0, ..] | [0, 0, 0, first, ..] if *first != 0 => Some("UTF-32"),
        [first, 0, next, 0, ..] | [0, first, 0, next, ..] if *first != 0 && *next != 0 => Some("UTF-16"),
        _ => None,
    }
}

/// Whether the path itself, not followed if it is a link, is something that must not be opened: a pipe, a socket or
/// a device. None: it is a regular file, a folder, a link, or nothing.
#[must_use]
pub fn special(about: &Metadata) -> Option<&'static str> {
    let kind = about.file_type();
    if kind.is_file() || kind.is_dir() || kind.is_symlink() { None } else { Some(kind_of(about)) }
}

fn open_regular(path: &Path) -> Result<(File, Metadata), FileError> {
    // Some devices act on being opened. What is swapped in after this is caught below.
    refuse_special(&std::fs::metadata(path)?)?;
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        // A pipe without a writer would keep the call for ever; a terminal must not become this process's own.
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        options.custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
    }
    let file = options.open(path)?;
    let about = file.metadata()?;
    refuse_special(&about)?;
    Ok((file, about))
}

fn refuse_special(about: &Metadata) -> Result<(), FileError> {
    if about.is_dir() {
        return Err(FileError::Io(io::ErrorKind::IsADirectory.into()));
    }
    if about.is_file() { Ok(()) } else { Err(FileError::NotRegular(kind_of(about))) }
}

fn kind_of(about: &Metadata) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let kind = about.file_type();
        if kind.is_fifo() {
            return "a named pipe";
        }
        if kind.is_socket() {
            return "a socket";
        }
        if kind.is_char_device() || kind.is_block_device() {
            return "a device";
        }
    }
    let _ = about;
    "something else"
}

/// Does what may take for ever in a thread of its own, and gives up on it after a while. The thread is left behind
/// then: a call that the system does not return from can't be taken back.
fn in_time<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FileError> + Send + 'static,
) -> Result<T, FileError> {
    let (sender, receiver) = mpsc::channel();
    let reading = thread::Builder::new().name("file-reader".to_owned()).spawn(move || {
        // Nobody waits any more: the time limit has passed.
        let _ = sender.send(work());
    });
    reading?;
    receiver.recv_timeout(PATIENCE).unwrap_or(Err(FileError::TooSlow))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regular_file_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "four").unwrap();
        assert_eq!(read(&file, 4).unwrap(), b"four");
        assert!(matches!(read(&file, 3), Err(FileError::TooLarge { limit: 3 })));
        let sparse = File::create(folder.path().join("sparse")).unwrap();
        sparse.set_len(1 << 40).unwrap();
        let error = read(&folder.path().join("sparse"), 1 << 20).unwrap_err();
        assert_eq!(error.to_string(), "it is larger than 1 MiB");
    }

    #[test]
    fn what_is_no_text_is_refused_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, b"a\nb\n\xff").unwrap();
        assert!(matches!(read_text(&file, 100), Err(FileError::NotText { line: 3 })));
        assert!(read_text(&folder.path().join("none"), 100).unwrap_err().is_absent());
        assert!(read_text(&file.join("below"), 100).unwrap_err().is_absent());
        assert_eq!(read(folder.path(), 100).unwrap_err().to_string(), "it is a folder");
    }

    #[test]
    fn a_mark_of_the_encoding_is_no_part_of_a_text_and_other_encodings_are_named() {
        assert_eq!(text(b"\xef\xbb\xbfa = 1".to_vec()).unwrap(), "a = 1");
        assert_eq!(text(b"\xef\xbb\xbf".to_vec()).unwrap(), "");
        assert_eq!(text("a\u{feff}".as_bytes().to_vec()).unwrap(), "a\u{feff}");
        let wide = |mark: &str, big: bool| -> Vec<u8> {
            let units = format!("{mark}{{\"a\": 1}}").encode_utf16().collect::<Vec<_>>();
            units
                .into_iter()
                .flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
                .collect()
        };
        for (mark, big) in [("\u{feff}", true), ("\u{feff}", false), ("", true), ("", false)] {
            let error = text(wide(mark, big)).unwrap_err().to_string();
            assert_eq!(error, "it is text in UTF-16, and only UTF-8 can be read: save it as UTF-8");
        }
        assert!(matches!(text(b"\xff\xfe\0\0a\0\0\0".to_vec()), Err(FileError::Encoding("UTF-32"))));
        assert!(matches!(text(b"a = \xe9".to_vec()), Err(FileError::NotText { line: 1 })));
    }

    #[test]
    fn a_path_is_shown_without_what_a_terminal_would_act_upon() {
        let path = Path::new("/a\u{1b}[31m/\u{202e}b\n\u{9b}\u{61c}.rhai");
        assert_eq!(shown(path), "/a\\u{1b}[31m/\\u{202e}b\\n\\u{9b}\\u{61c}.rhai");
    }

    #[cfg(unix)]
    #[test]
    fn pipes_devices_sockets_and_links_to_them_are_refused_without_being_read() {
        use std::os::unix::{fs::symlink, net::UnixListener};
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        let _socket = UnixListener::bind(folder.path().join("socket")).unwrap();
        symlink("/dev/zero", folder.path().join("endless")).unwrap();
        symlink(&pipe, folder.path().join("link")).unwrap();
        for (name, kind) in [
            ("pipe", "a named pipe"),
            ("link", "a named pipe"),
            ("endless", "a device"),
            ("socket", "a socket"),
        ] {
            let error = read(&folder.path().join(name), 1 << 20).unwrap_err();
            assert_eq!(error.to_string(), format!("it is {kind}, and only a regular file can be read"));
            assert!(open(&folder.path().join(name)).is_err());
        }
        std::fs::write(folder.path().join("file"), "text").unwrap();
        symlink(folder.path().join("file"), folder.path().join("to-file")).unwrap();
        assert_eq!(read_text(&folder.path().join("to-file"), 10).unwrap(), "text");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_without_an_end_is_read_no_further_than_its_limit() {
        // The system says that it has no bytes.
        let error = read(Path::new("/proc/self/maps"), 10).unwrap_err();
        assert!(matches!(error, FileError::TooLarge { limit: 10 }), "{error}");
    }
}
