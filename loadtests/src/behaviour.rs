//! The `[behaviour]` table of a plan: how users of each scenario behave.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use skein::PlanTable;
use skein::plan::{Mistake, Span, Spanned, within};

/// The behaviour of users, by scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Behaviour {
    /// The number of seeded items to read.
    pub(crate) items: u32,
    /// The exponent s of the items' popularity: item k is read with weight 1 ÷ kˢ. Zero
    /// reads all alike.
    pub(crate) zipf_exponent: f64,
    /// The share of reads that ask for the listing, 0 to 1.
    pub(crate) listing_share: f64,
    /// True when all users show the token of the laboratory's manual, and not one of their own.
    #[serde(default)]
    pub(crate) shared_token: bool,
    /// The share of submitted tasks that are sent twice under one key, 0 to 1.
    pub(crate) repeat_share: f64,
    /// The time that a submitter waits between two looks at its task.
    pub(crate) poll_interval: Duration,
}

/// The table as it is written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    items: Option<Spanned<u32>>,
    zipf_exponent: Option<Spanned<f64>>,
    listing_share: Option<Spanned<f64>>,
    #[serde(default)]
    shared_token: bool,
    repeat_share: Option<Spanned<f64>>,
    poll_interval: Option<Span>,
}

impl PlanTable for Behaviour {
    const NAME: &str = "behaviour";
    type Written = Written;

    fn check(written: Written) -> Result<Self, Mistake> {
        Ok(Behaviour {
            items: within(written.items, 1..=1_000_000, 1000, "`items`")?,
            zipf_exponent: within(written.zipf_exponent, 0.0..=10.0, 1.0, "`zipf_exponent`")?,
            listing_share: within(written.listing_share, 0.0..=1.0, 0.02, "`listing_share`")?,
            shared_token: written.shared_token,
            repeat_share: within(written.repeat_share, 0.0..=1.0, 0.2, "`repeat_share`")?,
            poll_interval: written
                .poll_interval
                .map_or(Duration::from_millis(25), |span| span.0),
        })
    }
}
