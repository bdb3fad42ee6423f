//! Warnings of libraries, told as events: to nobody, when that was asked for.

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::events::{Event, Events};

/// Has libraries' warnings told as `events` from here on, in place of a logger that one of
/// them installs and that writes wherever it likes. The first call counts.
pub fn listen(events: &Events) {
    if log::set_boxed_logger(Box::new(Libraries(events.clone()))).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}

struct Libraries(Events);

impl Log for Libraries {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Warn
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let library = record.target().split("::").next().unwrap_or_default();
            self.0.emit(Event::LibraryWarned {
                level: record.level().as_str().to_ascii_lowercase(),
                library: library.to_owned(),
                text: record.args().to_string(),
            });
        }
    }

    fn flush(&self) {}
}
