//! Requests that a candidate fails and its baseline serves.

use statrs::distribution::{Binomial, DiscreteCDF};

/// The requests of a round that failed, by side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// The number of the baseline's.
    pub baseline: u64,
    /// The number of the candidate's.
    pub candidate: u64,
}

/// True when the candidate fails requests that the baseline serves: in two rounds at least,
/// for one may be anybody's bad luck; and where the baseline has failures too, in as many
/// more rounds as chance gives less than once in a hundred times (the sign test).
pub fn candidate_fails(rounds: &[Failures]) -> bool {
    let count = |is: fn(&&Failures) -> bool| -> u64 { rounds.iter().filter(is).count() as u64 };
    let more = count(|failed| failed.candidate > failed.baseline);
    let less = count(|failed| failed.baseline > failed.candidate);
    let spotless = rounds.iter().all(|failed| failed.baseline == 0);
    let by_chance = Binomial::new(0.5, more + less).map_or(1.0, |lots| lots.sf(more.max(1) - 1));
    more >= 2 && (spotless || by_chance <= 0.01)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_candidate_fails_that_does_so_in_more_rounds_than_chance_explains() {
        let fails = |baseline: &[u64], candidate: &[u64]| {
            let sides = baseline.iter().zip(candidate);
            let rounds = sides.map(|(&baseline, &candidate)| Failures {
                baseline,
                candidate,
            });
            candidate_fails(&rounds.collect::<Vec<_>>())
        };
        assert!(!fails(&[0; 10], &[0; 10]));
        assert!(!fails(&[0; 3], &[900, 0, 0]));
        assert!(fails(&[0; 3], &[1, 0, 1]));
        // One stray failure of the baseline is no licence.
        assert!(fails(&[1, 0, 0, 0, 0, 0, 0, 0], &[9; 8]));
        assert!(!fails(&[1, 0, 0, 0, 0], &[9; 5]));
        assert!(!fails(&[9; 8], &[1; 8]));
    }
}
