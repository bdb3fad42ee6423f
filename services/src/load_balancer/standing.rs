//! The standing of a gateway, in rotation or not: a state machine over what health checks
//! and requests have shown, without clocks or I/O of its own.

use std::time::Instant;

use super::Rules;

/// One gateway's standing.
///
/// Health checks and requests judge apart, and both must be content. A gateway
/// that checks took out returns after `rise` good checks; one that was ejected
/// for failed requests returns once a single probation request has gone well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    checked: Checked,
    tried: Tried,
}

/// The verdict of health checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Checked {
    Up { failures_in_a_row: u32 },
    Down { successes_in_a_row: u32 },
}

/// The verdict of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tried {
    Trusted { failures_in_a_row: u32 },
    Ejected { until: Instant },
    Probation,
}

impl Standing {
    /// A new gateway is trusted until something speaks against it.
    pub(super) fn new() -> Self {
        Standing {
            checked: Checked::Up {
                failures_in_a_row: 0,
            },
            tried: Tried::Trusted {
                failures_in_a_row: 0,
            },
        }
    }

    /// True when the gateway takes its turn.
    pub(super) fn in_rotation(&self) -> bool {
        matches!(self.checked, Checked::Up { .. }) && matches!(self.tried, Tried::Trusted { .. })
    }

    /// True when the gateway was ejected for failed requests and hasn't returned.
    pub(super) fn is_ejected(&self) -> bool {
        !matches!(self.tried, Tried::Trusted { .. })
    }

    /// A health check passed or failed.
    pub(super) fn on_check(&mut self, passed: bool, rules: &Rules) {
        self.checked = match (self.checked, passed) {
            (Checked::Up { .. }, true) => Checked::Up {
                failures_in_a_row: 0,
            },
            (
                Checked::Up {
                    failures_in_a_row: n,
                },
                false,
            ) if n + 1 < rules.fall => Checked::Up {
                failures_in_a_row: n + 1,
            },
            (
                Checked::Down {
                    successes_in_a_row: n,
                },
                true,
            ) if n + 1 >= rules.rise => Checked::Up {
                failures_in_a_row: 0,
            },
            (
                Checked::Down {
                    successes_in_a_row: n,
                },
                true,
            ) => Checked::Down {
                successes_in_a_row: n + 1,
            },
            (_, false) => Checked::Down {
                successes_in_a_row: 0,
            },
        };
    }

    /// A request was answered.
    pub(super) fn on_success(&mut self) {
        if !matches!(self.tried, Tried::Ejected { .. }) {
            self.tried = Tried::Trusted {
                failures_in_a_row: 0,
            };
        }
    }

    /// A request failed for a reason that the gateway answers for. The last
    /// gateway in rotation is never ejected: a poor answer beats none.
    pub(super) fn on_failure(&mut self, now: Instant, is_last: bool, rules: &Rules) {
        let ejected = Tried::Ejected {
            until: now + rules.ejection_time,
        };
        self.tried = match self.tried {
            Tried::Trusted {
                failures_in_a_row: n,
            } if is_last || n + 1 < rules.eject_after => Tried::Trusted {
                failures_in_a_row: n + 1,
            },
            Tried::Trusted { .. } | Tried::Probation => ejected,
            Tried::Ejected { until } => Tried::Ejected { until },
        };
    }

    /// Starts the probation when it is due: true for exactly one caller.
    pub(super) fn begin_probation(&mut self, now: Instant) -> bool {
        let due = matches!(self.checked, Checked::Up { .. })
            && matches!(self.tried, Tried::Ejected { until } if until <= now);
        if due {
            self.tried = Tried::Probation;
        }
        due
    }

    /// The probation request ended without telling anything: the next one may try.
    pub(super) fn abandon_probation(&mut self, now: Instant) {
        if self.tried == Tried::Probation {
            self.tried = Tried::Ejected { until: now };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn rules() -> Rules {
        Rules {
            health_interval: 2 * SECOND,
            health_timeout: SECOND,
            rise: 2,
            fall: 3,
            eject_after: 3,
            ejection_time: 10 * SECOND,
        }
    }

    #[test]
    fn a_gateway_falls_after_three_bad_checks_and_rises_after_two_good_ones() {
        let mut standing = Standing::new();
        let checks = [
            false, false, true, false, false, false, true, false, true, true,
        ];
        let seen: Vec<bool> = checks
            .into_iter()
            .map(|passed| {
                standing.on_check(passed, &rules());
                standing.in_rotation()
            })
            .collect();
        assert_eq!(
            seen,
            [
                true, true, true, true, true, false, false, false, false, true
            ]
        );
    }

    #[test]
    fn an_ejected_gateway_returns_through_one_probation_request() {
        let start = Instant::now();
        let mut standing = Standing::new();
        for _ in 0..3 {
            assert!(standing.in_rotation());
            standing.on_failure(start, false, &rules());
        }
        assert!(!standing.in_rotation());
        assert!(!standing.begin_probation(start + 9 * SECOND), "too early");
        assert!(standing.begin_probation(start + 10 * SECOND));
        assert!(
            !standing.begin_probation(start + 10 * SECOND),
            "one request only"
        );
        standing.on_success();
        assert!(standing.in_rotation());
    }

    #[test]
    fn a_failed_probation_ejects_again_and_an_abandoned_one_is_repeated() {
        let start = Instant::now();
        let mut standing = Standing::new();
        for _ in 0..3 {
            standing.on_failure(start, false, &rules());
        }
        let later = start + 10 * SECOND;
        assert!(standing.begin_probation(later));
        standing.on_failure(later, false, &rules());
        assert!(!standing.begin_probation(later + 9 * SECOND));
        assert!(standing.begin_probation(later + 10 * SECOND));
        standing.abandon_probation(later + 11 * SECOND);
        assert!(standing.begin_probation(later + 11 * SECOND));
    }

    #[test]
    fn a_success_that_began_before_the_ejection_does_not_end_it() {
        let mut standing = Standing::new();
        for _ in 0..3 {
            standing.on_failure(Instant::now(), false, &rules());
        }
        standing.on_success();
        assert!(!standing.in_rotation());
    }

    #[derive(Clone, Copy, Debug)]
    enum Happening {
        Check(bool),
        Success,
        Failure,
        Probation,
        Abandon,
    }

    proptest! {
        #[test]
        fn requests_alone_never_eject_the_last_gateway(
            failures in 0_usize..100,
        ) {
            let mut standing = Standing::new();
            for _ in 0..failures {
                standing.on_failure(Instant::now(), true, &rules());
            }
            prop_assert!(standing.in_rotation());
        }

        #[test]
        fn whatever_happened_good_news_brings_a_gateway_back(
            happenings in prop::collection::vec(
                prop_oneof![
                    any::<bool>().prop_map(Happening::Check),
                    Just(Happening::Success),
                    Just(Happening::Failure),
                    Just(Happening::Probation),
                    Just(Happening::Abandon),
                ],
                0..40,
            ),
        ) {
            let mut now = Instant::now();
            let mut standing = Standing::new();
            for happening in happenings {
                now += SECOND;
                match happening {
                    Happening::Check(passed) => standing.on_check(passed, &rules()),
                    Happening::Success => standing.on_success(),
                    Happening::Failure => standing.on_failure(now, false, &rules()),
                    Happening::Probation => drop(standing.begin_probation(now)),
                    Happening::Abandon => standing.abandon_probation(now),
                }
            }
            standing.on_check(true, &rules());
            standing.on_check(true, &rules());
            standing.abandon_probation(now);
            standing.begin_probation(now + 10 * SECOND);
            standing.on_success();
            prop_assert!(standing.in_rotation());
        }
    }
}
