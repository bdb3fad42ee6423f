//! Warnings of libraries, said where progress is: nowhere, when that was asked for.

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::progress::Progress;

/// Has libraries' warnings said by `progress` from here on, in place of a logger that one of
/// them installs and that writes wherever it likes. The first call counts.
pub fn listen(progress: &Progress) {
    if log::set_boxed_logger(Box::new(Libraries(progress.clone()))).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}

struct Libraries(Progress);

impl Log for Libraries {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Warn
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let library = record.target().split("::").next().unwrap_or_default();
            let level = record.level().as_str().to_ascii_lowercase();
            self.0
                .note(&format!("{level}: {library}: {}", record.args()));
        }
    }

    fn flush(&self) {}
}
