//! The promises of every comparison: how seldom it errs, how often it finds what is there, and
//! the numbers of rounds for which that can be kept.

/// The chance that identical builds fail, over all metrics and looks.
pub const FALSE_FAIL: f64 = 0.01;
/// The chance that a metric passes that is as bad as its margin, over all looks: the upper
/// end of an interval of 95 %, which has two.
pub const FALSE_PASS: f64 = 0.025;
/// The confidence of the interval that is shown.
pub const CONFIDENCE: f64 = 0.95;
/// The chance to find an effect that counts as detectable.
pub const POWER: f64 = 0.95;
/// The fewest rounds of a comparison: with fewer, no exact test reaches the levels needed.
pub const FEWEST_ROUNDS: usize = 10;
/// The most rounds of a comparison, two hours of them: an exact test of that many is still
/// counted in a second.
pub const MOST_ROUNDS: usize = 1200;
