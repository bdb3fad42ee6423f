//! A study of capacity in a terminal, in a CI job's summary and as JUnit XML.

mod junit;
mod markdown;
mod summary;

pub use junit::junit;
pub use markdown::markdown;
pub use summary::summary;
