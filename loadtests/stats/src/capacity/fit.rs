//! The model of [`Curve`] fitted to the slots of rounds by maximum likelihood.
//!
//! Requests that break a clause come in bursts, while the queue is long. The number of bursts
//! in a slot has a Poisson distribution, and their sizes a gamma one, so that most slots below
//! the boundary have none at all and a few have many: see [`Bursts`]. The speed of a start, which all slots of a round share, is integrated out over the normal distribution (a
//! generalised linear mixed model; N. E. Breslow and D. G. Clayton, Approximate inference in
//! generalized linear mixed models, 1993).
//!
//! Far beyond the boundary a short slot says nothing of the share that a long one would show,
//! for the queue has just begun to grow. There only "many" counts: the share is cut at
//! [`CUT`], and so is its mean.

use super::bursts::Bursts;
use super::model::{Curve, normal_grid};
use super::slot::SlotSeen;

/// The share at which shares are cut.
const CUT: f64 = 0.5;
/// The share, of the allowed one, up to which broken requests count as none: a few that are
/// late for themselves are no burst, and taken for small ones they would make it look as if
/// bursts were frequent and alike, and starts differed.
const STRAY: f64 = 0.3;
/// The growth of the size of bursts with their mean: nearer to saturation it takes longer until
/// a queue is short again. The exponent of simulated M/M/1, M/M/4 and M/D/4 queues is between
/// 0.2 and 0.4; the least of them errs least where starts differ.
const GROWTH: f64 = 0.2;
/// The nodes that the speed of a start is integrated over. Fewer would miss the narrow peak of
/// a round whose slots tell much.
const NODES: usize = 27;
/// Steps of Newton's method at most.
const STEPS: usize = 40;
/// Steps that are enough to follow one round more.
const STEPS_TO_FOLLOW: usize = 3;
/// The parameters: the logarithms of the typical rate (from the centre), of the slope, of the
/// spread between starts, and of the mean size of a burst.
const PARAMETERS: usize = 4;

type Vector = [f64; PARAMETERS];
type Matrix = [[f64; PARAMETERS]; PARAMETERS];

/// The prior of each parameter, before any slot was seen, so weak that a dozen rounds
/// outweigh it: a mean and a standard deviation.
const PRIOR: [(f64, f64); PARAMETERS] = [(0.0, 0.3), (3.7, 1.0), (-4.6, 1.5), (2.3, 2.5)];

/// The places that the search for the peak begins at: bursts explain what varies, or the speed
/// of starts does. The likelihood may have a peak near each.
const BEGINNINGS: [Vector; 2] = [[0.0, 3.7, -5.0, 4.5], [0.0, 3.7, -3.3, 2.5]];

/// A slot as the fit sees it.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// The logarithm of its rate, from the centre.
    x: f64,
    /// The logarithm of its requests.
    log_requests: f64,
    broken: f64,
    /// The requests at which `broken` was cut.
    cut: f64,
}

/// A fitted model.
#[derive(Clone, Debug)]
pub(super) struct Fit {
    pub(super) curve: Curve,
    /// The curve without each round in turn.
    pub(super) without: Vec<Curve>,
    /// Pairs of curves, one standard deviation of the parameters either way, in directions that
    /// don't depend on each other, by the likelihood's curvature.
    pub(super) beside: Vec<(Curve, Curve)>,
}

/// The end of a fit, at which the next one begins.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place(Option<Vector>);

/// Fits the slots of `rounds`, whose boundary is near the rate `centre`. A round without
/// slots is none.
pub(super) fn fit(rounds: &[Vec<&SlotSeen>], clause: usize, allowed: f64, centre: f64) -> Fit {
    let likelihood = Likelihood::of(rounds, clause, allowed, centre);
    let peak = likelihood.highest_peak(&BEGINNINGS);
    let curve = |at: &Vector| curve(at, allowed, centre);
    Fit {
        curve: curve(&peak),
        without: likelihood.without_each(&peak).iter().map(curve).collect(),
        beside: likelihood
            .beside(&peak)
            .iter()
            .map(|(below, above)| (curve(below), curve(above)))
            .collect(),
    }
}

/// The curve alone, beginning where an earlier fit of fewer rounds ended.
pub(super) fn follow(
    rounds: &[Vec<&SlotSeen>],
    clause: usize,
    allowed: f64,
    centre: f64,
    place: &mut Place,
) -> Curve {
    let likelihood = Likelihood::of(rounds, clause, allowed, centre);
    let peak = match place.0 {
        Some(from) => likelihood.peak(from, STEPS_TO_FOLLOW).0,
        None => likelihood.highest_peak(&BEGINNINGS),
    };
    place.0 = Some(peak);
    curve(&peak, allowed, centre)
}

fn curve(at: &Vector, allowed: f64, centre: f64) -> Curve {
    Curve {
        allowed,
        typical: centre * at[0].exp(),
        slope: at[1].exp(),
        between_starts: at[2].exp(),
        burst: at[3].exp(),
    }
}

struct Likelihood {
    rounds: Vec<Vec<Slot>>,
    log_allowed: f64,
    /// Speeds of starts and the logarithms of their weights.
    nodes: Vec<(f64, f64)>,
}

impl Likelihood {
    fn of(rounds: &[Vec<&SlotSeen>], clause: usize, allowed: f64, centre: f64) -> Self {
        let slot = |seen: &&SlotSeen| {
            let requests = seen.requests as f64;
            let broken = seen.broken[clause] as f64;
            let is_stray = broken < STRAY * allowed * requests;
            Slot {
                x: (seen.rate / centre).ln(),
                log_requests: requests.ln(),
                broken: if is_stray {
                    0.0
                } else {
                    broken.min(CUT * requests)
                },
                cut: CUT * requests,
            }
        };
        let rounds = rounds.iter().map(|slots| slots.iter().map(slot).collect());
        let nodes = normal_grid(NODES).map(|(u, weight)| (u, weight.ln()));
        Likelihood {
            rounds: rounds.collect(),
            log_allowed: allowed.ln(),
            nodes: nodes.collect(),
        }
    }

    /// The logarithm of the likelihood of one round and its slopes.
    fn of_round(&self, slots: &[Slot], at: &Vector) -> (f64, Vector) {
        let [place, log_slope, log_spread, log_burst] = *at;
        let (slope, spread, burst) = (log_slope.exp(), log_spread.exp(), log_burst.exp());
        // The greatest logarithm so far, and sums in units of it.
        let (mut most, mut sum, mut slopes) = (f64::NEG_INFINITY, 0.0, [0.0; PARAMETERS]);
        for (u, log_weight) in &self.nodes {
            let (mut log, mut own) = (*log_weight, [0.0; PARAMETERS]);
            for slot in slots {
                let distance = slot.x - place - spread * u;
                let line = (self.log_allowed + slope * distance + slot.log_requests).min(60.0);
                let (mean, elasticity) = saturating(line, slot.cut);
                let grown =
                    burst * (GROWTH * (mean.ln() - self.log_allowed - slot.log_requests)).exp();
                let bursts = Bursts::of(mean / grown, slot.broken, grown);
                log += bursts.log;
                let pull = (bursts.by_number + GROWTH * bursts.by_size) * elasticity;
                own[0] -= pull * slope;
                own[1] += pull * slope * distance;
                own[2] -= pull * slope * spread * u;
                own[3] += bursts.by_size;
            }
            let (kept, added) = if log > most {
                let kept = (most - log).exp();
                most = log;
                (kept, 1.0)
            } else {
                (1.0, (log - most).exp())
            };
            sum = sum * kept + added;
            for (total, own) in slopes.iter_mut().zip(own) {
                *total = *total * kept + own * added;
            }
        }
        (most + sum.ln(), slopes.map(|slope| slope / sum))
    }

    /// The logarithm of the likelihood of all rounds and of the prior.
    fn value(&self, at: &Vector) -> f64 {
        let rounds: f64 = self
            .rounds
            .iter()
            .map(|slots| self.of_round(slots, at).0)
            .sum();
        let prior = at.iter().zip(PRIOR).map(|(at, (mean, deviation))| {
            let z = (at - mean) / deviation;
            z * z / 2.0
        });
        rounds - prior.sum::<f64>()
    }

    /// The highest of the peaks that are found from some places.
    fn highest_peak(&self, from: &[Vector]) -> Vector {
        let peaks = from.iter().map(|from| self.peak(*from, STEPS));
        let highest = peaks.max_by(|a, b| a.1.total_cmp(&b.1));
        highest.map_or(BEGINNINGS[0], |(peak, _)| peak)
    }

    /// The slopes of each round's logarithm, and its curvatures by differences of those.
    fn rounds_at(&self, at: &Vector) -> Vec<(Vector, Matrix)> {
        const STEP: Vector = [1e-4, 1e-3, 1e-3, 1e-3];
        let of = |slots: &Vec<Slot>| {
            let slopes = self.of_round(slots, at).1;
            let mut curvatures = [[0.0; PARAMETERS]; PARAMETERS];
            for (parameter, step) in STEP.iter().enumerate() {
                let mut beside = *at;
                beside[parameter] += step;
                let there = self.of_round(slots, &beside).1;
                for other in 0..PARAMETERS {
                    curvatures[other][parameter] = (there[other] - slopes[other]) / step;
                }
            }
            (slopes, symmetric(&curvatures))
        };
        self.rounds.iter().map(of).collect()
    }

    /// Slopes and negative curvatures of all rounds and the prior.
    fn total(rounds: &[(Vector, Matrix)], at: &Vector) -> (Vector, Matrix) {
        let (mut slopes, mut information) = ([0.0; PARAMETERS], [[0.0; PARAMETERS]; PARAMETERS]);
        for (index, (mean, deviation)) in PRIOR.iter().enumerate() {
            slopes[index] = (mean - at[index]) / deviation.powi(2);
            information[index][index] = deviation.powi(-2);
        }
        for (own, curvatures) in rounds {
            for row in 0..PARAMETERS {
                slopes[row] += own[row];
                for column in 0..PARAMETERS {
                    information[row][column] -= curvatures[row][column];
                }
            }
        }
        (slopes, information)
    }

    /// The negative curvatures at a peak. Where the likelihood isn't concave, as it may be when
    /// slots tell little, each round's is taken from the products of its slopes, which are never
    /// the wrong way round (E. Berndt, B. Hall, R. Hall and J. Hausman, Estimation and inference
    /// in nonlinear structural models, 1974).
    fn factored_information(&self, peak: &Vector) -> Option<Matrix> {
        let mut rounds = self.rounds_at(peak);
        let factored = |rounds: &[_]| cholesky(&Self::total(rounds, peak).1, 1e-9);
        factored(&rounds).or_else(|| {
            for (slopes, curvatures) in &mut rounds {
                *curvatures = slopes.map(|row| slopes.map(|column| -row * column));
            }
            factored(&rounds)
        })
    }

    /// The parameters of the greatest likelihood, by Newton's method, damped where the
    /// likelihood isn't concave (D. W. Marquardt, 1963).
    fn peak(&self, mut at: Vector, steps: usize) -> (Vector, f64) {
        const LONGEST: Vector = [0.08, 0.7, 1.0, 1.0];
        let mut value = self.value(&at);
        let mut damping = 1e-3;
        for _ in 0..steps {
            let (slopes, information) = Self::total(&self.rounds_at(&at), &at);
            let mut moved = false;
            while damping < 1e9 {
                let step = damped_step(&information, &slopes, damping);
                let next = step.map(|step| {
                    let mut next = at;
                    for index in 0..PARAMETERS {
                        next[index] += step[index].clamp(-LONGEST[index], LONGEST[index]);
                    }
                    next
                });
                let better = next.map(|next| (next, self.value(&next)));
                if let Some((next, reached)) = better.filter(|(_, reached)| *reached >= value) {
                    moved = reached - value > 1e-7;
                    (at, value) = (next, reached);
                    damping = (damping / 10.0).max(1e-9);
                    break;
                }
                damping *= 10.0;
            }
            if !moved {
                break;
            }
        }
        (at, value)
    }

    /// The parameters one standard deviation either way of the `peak`.
    fn beside(&self, peak: &Vector) -> Vec<(Vector, Vector)> {
        let Some(factor) = self.factored_information(peak) else {
            return Vec::new();
        };
        let pair = |direction: usize| {
            let mut unit = [0.0; PARAMETERS];
            unit[direction] = 1.0;
            let step = back_substituted(&factor, unit);
            let (mut below, mut above) = (*peak, *peak);
            for index in 0..PARAMETERS {
                let step = step[index].clamp(-1.5, 1.5);
                below[index] -= step;
                above[index] += step;
            }
            (below, above)
        };
        (0..PARAMETERS).map(pair).collect()
    }

    /// The parameters without each round in turn, one step of Newton's method from the `peak`
    /// (D. Pregibon, Logistic regression diagnostics, 1981), or as many as it takes where the
    /// others alone have no peak as near as that.
    fn without_each(&self, peak: &Vector) -> Vec<Vector> {
        let rounds = self.rounds_at(peak);
        let (slopes, information) = Self::total(&rounds, peak);
        let without = |(place, (own, curvatures)): (usize, &(Vector, Matrix))| {
            let (mut slopes, mut information) = (slopes, information);
            for row in 0..PARAMETERS {
                slopes[row] -= own[row];
                for column in 0..PARAMETERS {
                    information[row][column] += curvatures[row][column];
                }
            }
            let Some(step) = damped_step(&information, &slopes, 1e-9) else {
                return self.but(place).peak(*peak, STEPS).0;
            };
            let mut at = *peak;
            for index in 0..PARAMETERS {
                at[index] += step[index].clamp(-1.0, 1.0);
            }
            at
        };
        rounds.iter().enumerate().map(without).collect()
    }

    /// The likelihood of all rounds but one.
    fn but(&self, place: usize) -> Self {
        let mut rounds = self.rounds.clone();
        rounds.remove(place);
        Likelihood {
            rounds,
            nodes: self.nodes.clone(),
            log_allowed: self.log_allowed,
        }
    }
}

/// The mean of a slot's broken requests, and how its logarithm grows with `line`, which would
/// be that logarithm if there were no cut.
fn saturating(line: f64, cut: f64) -> (f64, f64) {
    let straight = line.exp();
    let ratio = straight / cut;
    if ratio < 1e-4 {
        return (straight.max(1e-12), 1.0);
    }
    let rest = (-ratio).exp_m1();
    (cut * -rest, ratio * (1.0 + rest) / -rest)
}

/// The mean of a matrix and its mirror image, which rounding made differ.
fn symmetric(matrix: &Matrix) -> Matrix {
    let mut mean = *matrix;
    for row in 0..PARAMETERS {
        for column in 0..PARAMETERS {
            mean[row][column] = f64::midpoint(matrix[row][column], matrix[column][row]);
        }
    }
    mean
}

/// The solution of (information + damping × its diagonal) × step = slopes; `None` when that
/// matrix isn't positive definite.
fn damped_step(information: &Matrix, slopes: &Vector, damping: f64) -> Option<Vector> {
    let factor = cholesky(information, damping)?;
    let mut step = *slopes;
    for row in 0..PARAMETERS {
        let known: f64 = (0..row).map(|k| factor[row][k] * step[k]).sum();
        step[row] = (step[row] - known) / factor[row][row];
    }
    Some(back_substituted(&factor, step))
}

/// Cholesky's lower triangular factor of a matrix whose diagonal is damped.
fn cholesky(information: &Matrix, damping: f64) -> Option<Matrix> {
    let mut factor = [[0.0; PARAMETERS]; PARAMETERS];
    for row in 0..PARAMETERS {
        for column in 0..=row {
            let known: f64 = (0..column)
                .map(|k| factor[row][k] * factor[column][k])
                .sum();
            let own = information[row][column];
            if row == column {
                let square = own + damping * own.abs().max(1e-3) - known;
                if square <= 1e-12 {
                    return None;
                }
                factor[row][row] = square.sqrt();
            } else {
                factor[row][column] = (own - known) / factor[column][column];
            }
        }
    }
    Some(factor)
}

/// The solution of the factor's transpose × solution = `right`.
fn back_substituted(factor: &Matrix, right: Vector) -> Vector {
    let mut solution = right;
    for row in (0..PARAMETERS).rev() {
        let below = row + 1..PARAMETERS;
        let known: f64 = below.map(|k| factor[k][row] * solution[k]).sum();
        solution[row] = (solution[row] - known) / factor[row][row];
    }
    solution
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::capacity::estimate::Jackknife;

    /// Rounds of slots around 1000 requests a second, of which nothing, little, or anything is
    /// broken, or as much at the same rates again and again.
    fn any_rounds() -> impl Strategy<Value = Vec<Vec<SlotSeen>>> {
        let round = || prop::collection::vec(any_slot(), 0..5);
        prop_oneof![
            prop::collection::vec(round(), 8..14),
            (round(), 8..14_usize).prop_map(|(round, times)| vec![round; times]),
        ]
    }

    fn any_slot() -> impl Strategy<Value = SlotSeen> {
        let broken = prop_oneof![Just(0_u64), Just(700), 0..20_u64, 0..700_u64];
        (880.0..1120.0_f64, broken).prop_map(|(rate, broken)| SlotSeen {
            rate,
            requests: 700,
            broken: vec![broken],
            drained: true,
        })
    }

    proptest! {
        /// Slots may tell next to nothing: then an interval is wide, or there is none.
        #[test]
        fn no_interval_is_a_point(rounds in any_rounds()) {
            let rounds: Vec<Vec<&SlotSeen>> =
                rounds.iter().map(|slots| slots.iter().collect()).collect();
            let fit = fit(&rounds, 0, 0.01, 1000.0);
            if let Some(estimate) = Jackknife::of(&fit, Curve::capacity).estimate(0.95) {
                let half_width = estimate.half_width();
                prop_assert!(half_width > 0.002, "{half_width} {:?}", fit.curve);
            }
        }
    }
}
