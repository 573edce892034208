//! The log: to the standard error output, as text or JSON, and never with what is nobody's business.

use std::io;

use tracing::{Metadata, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, ParseError, filter_fn},
    fmt::MakeWriter,
    layer::SubscriberExt,
};

use super::output::{Form, Output};
use crate::config::{Level, Log, LogFormat};

/// How much may be heard of libraries that print what they send and receive, whatever the log level and
/// `RUST_LOG` say: tokens, addresses, names and messages are in it. The longest matching target counts.
///
/// serenity writes whole gateway messages and what could not be read of them as warnings, and REST paths with
/// interaction tokens in them. What matters of that, our own adapter reports.
const CAPS: [(&str, LevelFilter); 14] = [
    ("serenity", LevelFilter::ERROR),
    ("serenity::gateway", LevelFilter::OFF),
    ("serenity::gateway::bridge::shard_queuer", LevelFilter::WARN),
    ("serenity::http", LevelFilter::OFF),
    ("reqwest", LevelFilter::WARN),
    ("hyper", LevelFilter::WARN),
    ("hyper_util", LevelFilter::WARN),
    ("hyper_rustls", LevelFilter::WARN),
    ("h2", LevelFilter::WARN),
    ("rustls", LevelFilter::WARN),
    ("tokio_rustls", LevelFilter::WARN),
    ("tungstenite", LevelFilter::WARN),
    ("tokio_tungstenite", LevelFilter::WARN),
    ("axum", LevelFilter::WARN),
];

/// `RUST_LOG` can't be understood.
#[derive(Debug, thiserror::Error)]
#[error("the environment variable `RUST_LOG` can't be understood")]
pub struct BadFilter(#[source] ParseError);

/// The log can't be set up, because it was before.
#[derive(Debug, thiserror::Error)]
#[error("the log is set up already")]
pub struct AlreadySetUp;

/// Sends the log of this process to the standard error output.
///
/// `rust_log` is the content of the environment variable `RUST_LOG`: where it is not empty, it counts instead
/// of the configured level.
///
/// # Errors
/// If `rust_log` can't be understood, or the log was set up before.
pub fn start(log: Log, rust_log: Option<&str>, color: bool) -> anyhow::Result<()> {
    let subscriber = subscriber(log, rust_log, color, io::stderr)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| AlreadySetUp)?;
    Ok(())
}

/// What [`start`] sets up, with another output.
///
/// # Errors
/// If `rust_log` can't be understood.
pub fn subscriber<W>(
    log: Log,
    rust_log: Option<&str>,
    color: bool,
    output: W,
) -> Result<Box<dyn Subscriber + Send + Sync>, BadFilter>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let filter = wanted(log.level, rust_log)?.and(filter_fn(is_allowed));
    let registry = tracing_subscriber::registry();
    let form = match log.format {
        LogFormat::Json => Form::Json,
        LogFormat::Text if color => Form::Colored,
        LogFormat::Text => Form::Plain,
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(Safe { output, form });
    Ok(match log.format {
        LogFormat::Text => Box::new(registry.with(lines.with_ansi(color).with_filter(filter))),
        LogFormat::Json => {
            Box::new(registry.with(lines.json().flatten_event(true).with_ansi(false).with_filter(filter)))
        }
    })
}

/// A log in which nothing stands that a terminal would act upon.
struct Safe<W> {
    output: W,
    form: Form,
}

impl<'writer, W: MakeWriter<'writer>> MakeWriter<'writer> for Safe<W> {
    type Writer = Output<W::Writer>;

    fn make_writer(&'writer self) -> Self::Writer {
        Output::new(self.output.make_writer(), self.form)
    }

    fn make_writer_for(&'writer self, line: &Metadata<'_>) -> Self::Writer {
        Output::new(self.output.make_writer_for(line), self.form)
    }
}

/// What the operator asks for: our own lines at the configured level, those of libraries from warnings on.
fn wanted(level: Level, rust_log: Option<&str>) -> Result<EnvFilter, BadFilter> {
    let level = match level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    };
    let ours = match rust_log.map(str::trim) {
        Some(asked) if !asked.is_empty() => asked.to_owned(),
        _ => format!("warn,rolarr={level}"),
    };
    EnvFilter::builder().parse(ours).map_err(BadFilter)
}

/// Whether a line may be shown at all.
fn is_allowed(line: &Metadata<'_>) -> bool {
    *line.level() <= cap(line.target())
}

fn cap(target: &str) -> LevelFilter {
    let covers = |prefix: &str| {
        target.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    let caps = CAPS.into_iter().filter(|(prefix, _)| covers(prefix));
    caps.max_by_key(|(prefix, _)| prefix.len()).map_or(LevelFilter::TRACE, |(_, cap)| cap)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::{debug, error, info, trace, warn};

    use super::*;

    #[derive(Clone, Default)]
    struct Output(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(log: Log, rust_log: Option<&str>, speak: impl FnOnce()) -> String {
        let output = Output::default();
        let writer = output.clone();
        let subscriber = subscriber(log, rust_log, false, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, speak);
        let bytes = output.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn chatter() {
        trace!(target: "serenity::gateway::ws", "SECRET");
        warn!(target: "serenity::gateway::ws", "SECRET");
        error!(target: "serenity::gateway::bridge::shard_runner", "SECRET");
        warn!(target: "serenity::http::client", "SECRET");
        debug!(target: "serenity::http::request", "SECRET");
        warn!(target: "serenity::model::utils", "SECRET");
        debug!(target: "reqwest::connect", "SECRET");
        debug!(target: "hyper_util::client::legacy::connect::http", "SECRET");
        trace!(target: "hyper::proto::h1::conn", "SECRET");
        trace!(target: "h2::codec::framed_read", "SECRET");
        info!(target: "rustls::client::hs", "SECRET");
        trace!(target: "tokio_tungstenite", "SECRET");
        trace!(target: "tungstenite::protocol", "SECRET");
        warn!(target: "serenity::gateway::bridge::shard_queuer", "no connection");
        warn!(target: "hyper::proto", "odd");
        debug!(target: "reqwesting", "not of that library");
        trace!("ours");
    }

    #[test]
    fn libraries_that_print_what_they_carry_are_never_heard() {
        let loud = Log { level: Level::Trace, ..Log::default() };
        for rust_log in [
            None,
            Some(""),
            Some("trace"),
            Some("serenity=trace,hyper=trace,reqwest=trace,h2=trace,tungstenite=trace,rolarr=trace"),
            Some("serenity::gateway::ws=trace,serenity::http=debug,trace"),
        ] {
            let text = logged(loud, rust_log, chatter);
            assert!(!text.contains("SECRET"), "{rust_log:?}: {text}");
            assert!(text.contains("ours") && text.contains("no connection"), "{rust_log:?}: {text}");
        }
    }

    #[test]
    fn other_targets_are_not_held_back() {
        let text = logged(Log::default(), Some("trace"), chatter);
        assert!(text.contains("not of that library") && text.contains("odd"), "{text}");
    }

    #[test]
    fn the_configured_level_counts_without_rust_log() {
        let speak = || {
            info!("said");
            debug!("thought");
            info!(target: "wasmtime", "of a library");
        };
        let text = logged(Log::default(), None, speak);
        assert!(text.contains("said") && !text.contains("thought") && !text.contains("library"), "{text}");
        let text = logged(Log { level: Level::Warn, ..Log::default() }, Some("rolarr=debug"), speak);
        assert!(text.contains("said") && text.contains("thought") && !text.contains("library"), "{text}");
    }

    #[test]
    fn each_line_of_json_is_an_object() {
        let text = logged(Log { format: LogFormat::Json, ..Log::default() }, None, || {
            info!(member = 7, "said");
            warn!("a\nb");
        });
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0]["message"], "said");
        assert_eq!(lines[0]["member"], 7);
        assert_eq!(lines[1]["level"], "WARN");
    }

    #[test]
    fn nothing_in_a_log_acts_on_a_terminal() {
        let name = "\u{61c}a\u{9b}31m\u{202e}b\u{1b}[2J";
        for format in [LogFormat::Text, LogFormat::Json] {
            let text = logged(Log { format, ..Log::default() }, None, || info!(name, "said {name}"));
            assert!(!text.contains(['\u{61c}', '\u{9b}', '\u{202e}', '\u{1b}']), "{text:?}");
            if format == LogFormat::Json {
                let line: serde_json::Value = serde_json::from_str(&text).unwrap();
                assert_eq!(line["name"], name);
            }
        }
    }

    #[test]
    fn a_filter_that_can_not_be_understood_is_refused() {
        assert!(subscriber(Log::default(), Some("rolarr=loud"), false, io::sink).is_err());
    }

    #[test]
    fn the_longest_prefix_counts() {
        assert_eq!(cap("serenity::gateway::bridge::shard_queuer"), LevelFilter::WARN);
        assert_eq!(cap("serenity::gateway::bridge::shard_manager"), LevelFilter::OFF);
        assert_eq!(cap("serenity"), LevelFilter::ERROR);
        assert_eq!(cap("serenity_like"), LevelFilter::TRACE);
        assert_eq!(cap("rolarr::discord"), LevelFilter::TRACE);
    }
}
