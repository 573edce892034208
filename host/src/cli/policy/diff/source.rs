//! Where recorded events come from, read one after the other so that there may be any number of them.

use std::{
    collections::VecDeque,
    fs::File,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use rolarr_policy::recording::{self, ReadError, Recording};
use serde_json::{StreamDeserializer, de::IoRead, value::RawValue};

use crate::{
    cli::{
        journal::{self, Decisions, KnownSettings, Opened},
        policy::recordings::{self, Recordings, recordings_in},
    },
    files::{self, FileError},
    store::{DecisionRow, Span},
};

/// A recorded event that was not looked at yet. Reading is quick; what takes time is done by many threads.
pub(super) enum Raw {
    /// A text in a file.
    Text {
        file: Arc<Path>,
        /// Where it begins, in bytes.
        start: u64,
        text: Box<RawValue>,
    },
    /// A recording of a file that was read as a whole.
    Whole(Box<Recording>),
    /// A row of the journal.
    Row(Box<DecisionRow>),
}

impl Raw {
    /// The recording, or what is wrong with it and where.
    pub(super) fn recording(
        self,
        known: Option<&KnownSettings>,
        database: &Path,
    ) -> Result<Recording, String> {
        match self {
            Self::Whole(recording) => Ok(*recording),
            Self::Row(row) => journal::recording(*row, known, database).map_err(|error| format!("{error:#}")),
            Self::Text { file, start, text } => match serde_json::from_str(text.get()) {
                Ok(recording) => Ok(recording),
                // Once more, by whoever knows what to say about it.
                Err(error) => Err(match recording::parse(text.get(), &file) {
                    Err(error) => located(error, &file, start).to_string(),
                    Ok(_) => error.to_string(),
                }),
            },
        }
    }
}

/// The error with its place in the whole file.
fn located(error: ReadError, file: &Path, start: u64) -> ReadError {
    match error {
        ReadError::Text { file: name, line, column, what } => {
            let (before, last) = position(file, start);
            let column = if line == 1 { column + last } else { column };
            ReadError::Text { file: name, line: line + before, column, what }
        }
        other => other,
    }
}

/// How many lines end before a place in a file, and how many bytes there are before it in its own line.
fn position(file: &Path, start: u64) -> (usize, usize) {
    let Ok(file) = files::open(file) else { return (0, 0) };
    let (mut lines, mut last) = (0, 0);
    let mut before = BufReader::new(file);
    let left_out = past_mark(&mut before).unwrap_or_default();
    for byte in before.take(start.saturating_sub(left_out)).bytes().map_while(Result::ok) {
        if byte == b'\n' {
            (lines, last) = (lines + 1, 0);
        } else {
            last += 1;
        }
    }
    (lines, last)
}

/// Recorded events, in order, and how far one has got with them.
pub(super) enum Source<'a> {
    Files(Files),
    Journal { decisions: Decisions<'a>, done: u64, total: u64 },
}

impl<'a> Source<'a> {
    /// The recordings in these files and folders.
    pub(super) fn files(paths: &[PathBuf]) -> Self {
        let mut files = Files::default();
        for path in paths {
            match recordings_in(path) {
                Ok(found) => files.waiting.extend(found.into_iter().map(Ok)),
                Err(problem) => files.waiting.push_back(Err(problem)),
            }
        }
        let size = |file: &PathBuf| std::fs::metadata(file).map_or(0, |about| about.len());
        files.total = files.waiting.iter().flatten().map(size).sum();
        Self::Files(files)
    }

    /// The decisions of a journal.
    pub(super) fn journal(opened: &'a Opened, span: Span) -> anyhow::Result<Self> {
        let total = opened.count(&span)?;
        Ok(Self::Journal { decisions: opened.decisions(span)?, done: 0, total })
    }

    /// How many stories were left out so far.
    pub(super) fn stories(&self) -> u64 {
        match self {
            Self::Files(files) => files.stories,
            Self::Journal { .. } => 0,
        }
    }

    /// How far it is read, from 0 to 1.
    pub(super) fn share(&self) -> f64 {
        let (done, total) = match self {
            Self::Files(files) => (files.done + files.open.as_ref().map_or(0, OpenFile::read), files.total),
            Self::Journal { done, total, .. } => (*done, *total),
        };
        #[expect(clippy::cast_precision_loss, reason = "a share for people")]
        let share = done as f64 / total.max(1) as f64;
        share.min(1.0)
    }
}

impl Iterator for Source<'_> {
    type Item = Result<Raw, String>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Files(files) => files.next(),
            Self::Journal { decisions, done, .. } => {
                *done += 1;
                decisions.next().map(|row| match row {
                    Ok(row) => Ok(Raw::Row(Box::new(row))),
                    Err(error) => Err(format!("{error:#}")),
                })
            }
        }
    }
}

/// Files, one after the other.
#[derive(Default)]
pub(super) struct Files {
    waiting: VecDeque<Result<PathBuf, String>>,
    open: Option<OpenFile>,
    done: u64,
    total: u64,
    stories: u64,
}

enum OpenFile {
    /// One recording after the other.
    Stream {
        file: Arc<Path>,
        /// How many bytes before the first were left out: the mark that some editors write.
        left_out: u64,
        stream: StreamDeserializer<'static, IoRead<BufReader<File>>, Box<RawValue>>,
    },
    /// A list, or cases that were written by hand.
    Whole { recordings: std::vec::IntoIter<Recording>, stories: u64, size: u64 },
}

impl OpenFile {
    fn whole(path: &Path) -> Result<Self, String> {
        let Recordings { recordings, stories } = recordings::read(path)?;
        let size = std::fs::metadata(path).map_or(0, |about| about.len());
        Ok(Self::Whole { recordings: recordings.into_iter(), stories, size })
    }

    fn open(path: &Path) -> Result<Self, String> {
        if recordings::is_written(path) {
            return Self::whole(path);
        }
        let unreadable = |error: FileError| format!("{}: can't be read: {error}", files::shown(path));
        let mut reader = BufReader::new(files::open(path).map_err(unreadable)?);
        let left_out = past_mark(&mut reader).map_err(unreadable)?;
        loop {
            let start = reader.fill_buf().map_err(|error| unreadable(error.into()))?;
            let (blank, first) =
                (start.iter().take_while(|byte| byte.is_ascii_whitespace()).count(), start.len());
            if start.is_empty() {
                return Err(ReadError::Empty { file: path.to_owned() }.to_string());
            }
            if blank < first {
                break;
            }
            reader.consume(blank);
        }
        let is_list = reader.buffer().iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
        if is_list {
            return Self::whole(path);
        }
        // From the beginning, so that places in the file are right.
        let mut reader = BufReader::new(files::open(path).map_err(unreadable)?);
        past_mark(&mut reader).map_err(unreadable)?;
        let stream = serde_json::Deserializer::from_reader(reader).into_iter();
        Ok(Self::Stream { file: path.into(), left_out, stream })
    }

    fn read(&self) -> u64 {
        match self {
            Self::Stream { stream, .. } => stream.byte_offset() as u64,
            Self::Whole { size, .. } => *size,
        }
    }

    fn next(&mut self) -> Option<Result<Raw, String>> {
        match self {
            Self::Whole { recordings, .. } => recordings.next().map(|one| Ok(Raw::Whole(Box::new(one)))),
            Self::Stream { file, left_out, stream } => Some(match stream.next()? {
                Ok(text) => {
                    let start =
                        (stream.byte_offset() as u64 + *left_out).saturating_sub(text.get().len() as u64);
                    Ok(Raw::Text { file: Arc::clone(file), start, text })
                }
                Err(error) => {
                    let (line, column) = (error.line(), error.column());
                    let text = error.to_string();
                    let place = format!(" at line {line} column {column}");
                    let what = text.strip_suffix(&place).unwrap_or(&text);
                    Err(format!("{}:{line}:{column}: {what}", files::shown(file)))
                }
            }),
        }
    }
}

/// Goes past the mark that some editors begin a text with. Gives how many bytes that are.
fn past_mark(reader: &mut BufReader<File>) -> Result<u64, FileError> {
    let start = reader.fill_buf()?;
    if let Some(encoding) = files::foreign_encoding(start) {
        return Err(FileError::Encoding(encoding));
    }
    let mark = if start.starts_with(files::MARK) { files::MARK.len() } else { 0 };
    reader.consume(mark);
    Ok(mark as u64)
}

impl Files {
    fn next(&mut self) -> Option<Result<Raw, String>> {
        loop {
            if let Some(open) = &mut self.open {
                match open.next() {
                    Some(Ok(raw)) => return Some(Ok(raw)),
                    // Behind what can't be read nothing of this file makes sense.
                    ended => {
                        if let OpenFile::Whole { stories, .. } = open {
                            self.stories += *stories;
                        }
                        self.done += open.read();
                        self.open = None;
                        if ended.is_some() {
                            return ended;
                        }
                    }
                }
            }
            match self.waiting.pop_front()?.and_then(|path| OpenFile::open(&path)) {
                Ok(open) => self.open = Some(open),
                Err(problem) => return Some(Err(problem)),
            }
        }
    }
}
