//! The performance gate: is the candidate slower than the baseline, not slower, or
//! can't it be told? Both run side by side and are loaded by turns; the statistics are
//! pure functions elsewhere, and here is what measures.

pub mod baseline;
mod crew;
mod git;
pub mod record;
mod round;
mod shape;
